"""No log of the host names a person or a mailbox."""

from pathlib import Path
from urllib.parse import quote

from local.azurite import Azurite
from local.simulator import Fault
from tests.e2e.deployment import deployed, tenant_of


async def test_the_log_names_no_person_and_no_mailbox(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=12) as tenant, deployed(tenant, azurite) as product:
        tenant.behave(exchange={"warnings": ("The object Adele Vance has been corrupted.",)})
        user = product.user_with("published")
        for _ in range(2):
            await product.scan()
            await product.lookup(quote(user["upn"], safe=""))
            await product.lookup(user["id"], fresh="true")
            rows = await product.rows()
            await product.lookup(quote(rows[user["id"]]["Url"], safe=""))
            await product.http.get("/api/users", params={"search": user["upn"][:5], "format": "csv"})
            tenant.add_fault(Fault("bookings.services", status=503, times=3))
            tenant.add_fault(Fault("graph.user", status=500, times=2))
        log = product.host.log().lower()
        people = [tenant.user(user_id) for user_id in rows]

    assert "completed" in log
    assert "partitionkey=" not in log
    assert "adele vance" not in log
    for person in people:
        for text in (person.upn, quote(person.upn), person.mailbox_guid, person.mailbox_guid.replace("-", "")):
            assert text.lower() not in log, text
