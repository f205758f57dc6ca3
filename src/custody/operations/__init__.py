"""What a machine needs round a gateway: its first configuration, certificates, backups, figures."""
