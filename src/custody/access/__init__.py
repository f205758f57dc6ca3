"""Who may come in, and for how long: loops, logins, tickets, the exchange of tokens.

Law: every decision about a beginning or an end is made here and recorded before it counts;
listeners ask, and nothing here knows a wire.
"""
