"""An investigator's questions, answered from the index and the log.

Law: nothing here writes or decides; the documents that leave here are a contract with scripts.
"""
