"""How much of its budget each loop has used."""
