"""Identities by SAML 2.0."""
