"""Reading a JSON Web Token strictly, before anything in it is believed."""
