"""Shared Bookings pages: what Exchange, Microsoft Graph and the audit log report about them, and what follows from it.

The modules ``mailboxes``, ``businesses``, ``access``, ``directory`` and ``creations`` hold what the clients return; the
others are rules. In a mapping that a client returns, ``None`` means that there is no such thing, and ``Unknown`` that
this one request failed.
"""
