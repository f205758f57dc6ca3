"""Both logins: the client's at the gateway, the gateway's at the target."""
