"""Redis, alone or as a cluster; the scripts it runs."""
