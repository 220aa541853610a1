"""Shared Bookings pages: what Exchange, Microsoft Graph and the audit log report about them, and what follows from it.

The modules ``mailboxes``, ``businesses``, ``access``, ``directory`` and ``creations`` hold what the clients return
(docs/microsoft-365.md, section 6):

``Exchange.get_scheduling_mailboxes_page(link)``
    returns ``SchedulingMailboxesPage``.
``Exchange.get_access_grants(addresses)``, by ``$batch`` of 10
    returns ``Mapping[str, tuple[AccessGrant, ...] | Unknown]``: full access and send-as of each mailbox.
``Exchange.get_recipients(trustees)``, by ``$batch`` of 10
    returns ``Mapping[str, Recipient | Unknown | None]``.
``Exchange.search_creations(start, end)``
    returns ``tuple[CreationRecord, ...]``: ``Search-UnifiedAuditLog``, where Graph's audit queries are not permitted.
``Graph.get_business_list()``
    returns ``BusinessList``.
``Graph.get_businesses(business_ids)``, by ``$batch`` of 20
    returns ``Mapping[str, BusinessDetails | Unknown | None]``.
``Graph.get_accounts(ids_or_upns)``
    exists for personal pages.
``Graph.get_groups(group_ids)``, by ``$batch`` of 20
    returns ``Mapping[str, Group | Unknown | None]``.
``Graph.start_creation_query(start, end)``, ``Graph.get_creation_query(query_id)``
    return the ID of the query and its ``QueryState``.
``Graph.get_creations_page(query_id, link)``
    returns ``CreationsPage``.

A mapping has one entry per requested key. ``None``: it does not exist; ``Unknown``: this one request failed, the others
did not. A request for a list raises ``TenantFailure``.
"""
