"""Files for email signatures: working pages only, sorted by user, in the format that Set-OutlookSignatures reads."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from atlas.domain.statuses import Status
from atlas.exports import signatures
from atlas.exports.signatures import COLUMNS, CSV_NAME, SCRIPT_NAME, has_working_page, signature_files
from tests.docs.complete_examples import ROW

WHOSE = ("CurrentUser", "CurrentUserManager", "CurrentMailbox", "CurrentMailboxManager")


async def files_of(*rows):
    async def iterate():
        for row in rows:
            yield row

    return await signature_files(iterate())


def row_for(upn, **more):
    return replace(ROW, user=replace(ROW.user, upn=upn), **more)


@pytest.mark.parametrize("status", list(Status), ids=str)
@pytest.mark.parametrize("last_known", [Status.PUBLISHED, Status.NOT_SET_UP, None], ids=str)
def test_only_working_pages_are_linked(status, last_known):
    row = replace(ROW, status=status, last_known_status=last_known)

    works = status is Status.PUBLISHED or (status is Status.UNKNOWN and last_known is Status.PUBLISHED)
    assert has_working_page(row) is works
    assert not has_working_page(replace(row, url=None))


async def test_the_csv_has_a_line_for_each_page_sorted_by_user():
    result = await files_of(
        row_for("zoe@contoso.com", primary_smtp_address="zoe@contoso.de"),
        row_for("Adele@contoso.com", primary_smtp_address=None),
        row_for("none@contoso.com", status=Status.NOT_SET_UP),
    )

    text = result.files[CSV_NAME].decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert result.count == 2
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert [row["UserPrincipalName"] for row in rows] == ["Adele@contoso.com", "zoe@contoso.com"]
    assert rows[0]["PrimarySmtpAddress"] == "adele@contoso.com", (
        "if Exchange is not called, the address comes from Entra"
    )
    assert rows[1]["PrimarySmtpAddress"] == "zoe@contoso.de"
    assert all(row["AnonymousUrl"] == row["Url"] + "?anonymous" for row in rows)


async def test_no_cell_is_a_formula():
    result = await files_of(row_for("=cmd@contoso.com", primary_smtp_address="+1@contoso.com"))

    [_, line] = result.files[CSV_NAME].decode("utf-8-sig").splitlines()
    assert line.startswith("'=cmd@contoso.com,'+1@contoso.com,")


async def test_the_script_is_valid_powershell():
    script = (await files_of()).files[SCRIPT_NAME]

    tree = Parser(Language(tree_sitter_powershell.language())).parse(script)

    assert not tree.root_node.has_error
    assert script.isascii(), "Windows PowerShell reads a file without BOM in the system's code page"


async def test_the_script_reads_the_csv_beside_it():
    script = (await files_of()).files[SCRIPT_NAME].decode()

    assert f"Join-Path $PSScriptRoot '{CSV_NAME}'" in script
    assert set(re.findall(r"\$BookingsAtlasRow\.(\w+)", script)) <= set(COLUMNS)


async def test_the_variables_are_those_of_the_documentation():
    """`$ReplaceHash` maps the complete name, dollar signs included, to the text; names are not case-sensitive."""
    script = (await files_of()).files[SCRIPT_NAME].decode()
    endings = set(re.findall(r"\$ReplaceHash\['\$' \+ \$BookingsAtlasWho \+ '([^']+)\$'\] = ", script))
    guide = (Path(signatures.__file__).parents[2] / "docs" / "command-line.md").read_text()

    assert endings == {"BookingsUrl", "BookingsUrl-noempty"}
    assert re.findall(r"@\((.+?)\)\) \{", script)[0] == ", ".join(f"'{who}'" for who in WHOSE)
    assert all(f"$CurrentMailbox{ending}$" in guide for ending in endings)
