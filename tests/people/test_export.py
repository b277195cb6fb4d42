"""The export of an account: everything of the person, nothing of others, no secret; and it is sent as it is made."""

import io
import json
import zipfile

from omi_actors.store.people.accounts import load_credentials
from omi_actors.store.people.export import OF_ACCOUNT, OF_SESSION
from tests.people.conftest import Client
from tests.people.talks import fill
from tests.store.whole_person import fill_person, words_of
from tests.system.conftest import ADMIN
from web.people.export import Exporter

# Long enough that no random id or secret has them.
ADA, BOB = "zqxvwadax", "kvwzqbobx"
AT = 1_700_000_000.0
# Secrets and their digests, technical keys, what is made of other texts, and the queue: see the archive's README.
LEFT_OUT = {
    f"{ADA}{place}"
    for place in (
        "accountpasswordhash", "authhint", "delivery", "jobid", "jobkind", "joblane", "jobkey", "jobpayload",
        "joberror", "jobrequest", "jobfingerprint", "rawkey", "memorykey", "memoryfolded", "forgottenkey",
        "recallspeakers", "recallwords",
    )
}  # fmt: skip


async def make_person(program, client, word):
    me = (await client.register(f"{word}accountemail@example.com", display_name=f"{word}accountdisplayname"))["user"]
    await program.system.store.write(fill_person, word, me["id"])
    return me["id"]


def read_archive(body):
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


async def test_export_has_every_text_of_the_person_and_no_secret_and_nothing_of_others(running, ada):
    me = await make_person(running, ada, ADA)
    await make_person(running, ada.other(), BOB)

    reply = await ada("GET", "/account/export")

    assert (reply.status, reply.headers["content-type"]) == (200, "application/zip")
    files = read_archive(reply.body)
    whole = "".join(files.values())
    digest = f"{ADA:0<64}"
    # What stands in every place of the schema: tests/store/whole_person.py.
    mine = words_of(ADA) - {f"{ADA}account", digest}
    assert {word for word in mine if word not in whole} == LEFT_OUT - {f"{ADA}recallwords"}
    assert {word for word in (*LEFT_OUT, digest) if word in whole} == set()
    assert BOB not in whole
    assert ada.token not in whole
    lists = {name: json.loads(text) for name, text in files.items() if name.endswith(".json")}
    assert set(lists) == {f"{one.name}.json" for one in (*OF_ACCOUNT, *OF_SESSION)}
    assert {name for name, rows in lists.items() if not rows} == set()
    assert lists["account.json"][0]["id"] == me
    assert lists["messages.json"][0]["createdAt"] == "1970-01-01T00:00:01.000Z"
    assert f"**{ADA}segmentspeaker:** {ADA}segmenttext" in files["conversations.md"]
    assert f"- 1970-01-01: {ADA}memorytext" in files["memories.md"]


async def test_export_is_made_page_by_page_with_little_in_memory(running, ada):
    me = (await ada.register())["user"]["id"]
    store = running.system.store
    await store.write(fill, me, conversations=3, messages=150, segments=250, at=AT)
    files = read_archive((await ada("GET", "/account/export")).body)

    assert len(json.loads(files["transcript.json"])) == 750
    assert len(json.loads(files["messages.json"])) == 450
    assert files["conversations.md"].count("**") == 2 * 1200
    known = await store.read(load_credentials, account_id=me)
    sizes = [len(piece) async for piece in Exporter(store, known.account, AT + 1e6).pieces()]
    assert len(sizes) > 20
    assert max(sizes) < 65_536


async def test_rows_that_come_after_the_beginning_are_left_out(running, ada):
    me = (await ada.register())["user"]["id"]
    store = running.system.store
    await store.write(fill, me, messages=4, at=AT)
    known = await store.read(load_credentials, account_id=me)
    body = b"".join([piece async for piece in Exporter(store, known.account, AT + 1.0015).pieces()])

    assert len(json.loads(read_archive(body)["messages.json"])) == 2


async def test_export_is_sent_to_signed_in_persons_once_at_a_time(running, ada):
    await ada.register()
    me = running.server._site.people.exporting
    account_id = (await ada("GET", "/me")).json["user"]["id"]
    me.add(account_id)
    assert (await ada("GET", "/account/export")).status == 409
    me.discard(account_id)
    assert (await ada("GET", "/account/export")).status == 200
    assert me == set()
    assert (await ada.other()("GET", "/account/export")).status == 401


async def test_operator_exports_a_person_and_the_audit_names_it(running, ada):
    me = await make_person(running, ada, ADA)

    reply = await Client(running.connection)(
        "POST", "/operator/accounts/export", {"email": f"{ADA}accountemail@example.com"}, **ADMIN
    )

    assert f"{ADA}memorytext" in read_archive(reply.body)["memories.json"]
    events = (await running.connection.request("GET", "/operator/events", b"", ADMIN)).json
    assert [one["target"] for one in events["events"] if one["action"] == "export_account"] == [{"account": me}]
