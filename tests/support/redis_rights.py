"""The rights that the worker needs in Redis."""

# What SECURITY.md tells operators to grant.
RIGHTS = (
    "resetkeys ~result:* ~seen* resetchannels &result:* -@all +ping +info +get +mget +set +append +del +expire +ttl "
    "+time +evalsha +script|load +publish +subscribe +unsubscribe +client|setinfo"
)
