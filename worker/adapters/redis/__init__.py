"""Redis, alone or as a cluster, and the Lua scripts it runs."""
