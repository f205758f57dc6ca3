"""Messages both ways: what is asked, what is forwarded and due, what each answer settles."""
