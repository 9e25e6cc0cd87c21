"""The page in a real browser: what people bring, what they see, what they take away."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.page.conftest import OpenPage, Watch
from tests.page.manifests import BROKEN, CONFIG_MAP, NODE_EXPORTER, POD, PRIVILEGED, REVIEW, pod_of, pods
from tests.page.serving import Answer, Site, report

pytestmark = pytest.mark.browser

MINUS: Final = "\N{MINUS SIGN}"


def _drop(page: Page, files: dict[str, str]) -> None:
    """Drop files on the page as a person does."""
    transfer = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, text] of Object.entries(files)) transfer.items.add(new File([text], name));
          return transfer;
        }""",
        files,
    )
    for kind in ("dragenter", "dragover"):
        page.dispatch_event("#results", kind, {"dataTransfer": transfer})
    expect(page.locator(".drop")).to_be_visible()
    page.dispatch_event("#results", "drop", {"dataTransfer": transfer})


def _patched(text: str) -> list[Any]:
    """What the engine makes of the objects in `text`."""
    results = json.loads(report(text, {"profile": "restricted"}))["results"]
    return [result["patched"] for result in results if "error" not in result]


def test_pasted_manifests_are_previewed_at_once(page: Page) -> None:
    """A paste is enough: badges before and after, what changes, each default in plain words."""
    page.focus("#text")
    page.keyboard.insert_text(POD)
    card = page.locator(".card")
    expect(card.locator("h3")).to_have_text("Pod web")
    expect(card.locator(".where")).to_have_text("in shop")
    assert card.locator(".badge").all_text_contents() == ["as written: 4 violations", "with defaults: compliant"]
    expect(page.locator(".sentence")).to_have_text("It complies with defaults")
    expect(page.locator("#announcement")).to_have_text(
        "1 object with a pod: 0 compliant as written, 1 with defaults.",
    )
    added = card.locator(".decision.applied")
    expect(added).to_contain_text("Added")
    expect(added).to_contain_text("Nobody had set the field, so it was added.")
    expect(added).to_contain_text("May not run as root")
    expect(added).to_contain_text("securityContext.allowPrivilegeEscalation = false container nginx")


_STARTING: Final = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  securityContext: {runAsNonRoot: true}
  initContainers:
  - {name: init, image: setup:1, securityContext: {runAsUser: 0}}
  containers:
  - {name: web, image: "web:1", securityContext: {runAsUser: 1000}}
  - {name: one, image: "one:1"}
  - {name: two, image: "two:1"}
"""


def test_each_container_says_whether_it_starts(page: Page) -> None:
    """In words, those that will not first, with what the kubelet will say; containers of one fate stand together."""
    page.fill("#text", _STARTING)
    card = page.locator(".card")
    expect(card.get_by_role("heading", name="Whether its containers start")).to_be_visible()
    rows = card.locator(".starts > li")
    expect(rows.locator(".mark")).to_have_text(["Will not start", "Unknown", "Runs"])
    expect(rows.nth(0).locator(".upstream")).to_have_text("because: container's runAsUser breaks non-root policy")
    expect(rows.nth(0).locator(".places")).to_have_text("container init setup:1")
    expect(rows.nth(0)).to_contain_text("Name another user")
    expect(rows.nth(1).locator(".places li")).to_have_text(["container one one:1", "container two two:1"])
    expect(rows.nth(1)).to_contain_text("image-not-known")
    expect(rows.nth(2)).to_have_text("Runscontainer web web:1")


def test_text_pasted_beside_the_editor_goes_into_it(open_page: OpenPage, site: Site) -> None:
    """Ctrl+V works wherever the focus is, and adds to what somebody wrote."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", POD)
    page.locator("#run").focus()
    page.keyboard.press("Control+V")
    expect(page.locator(".card")).to_have_count(1)
    page.locator("#run").focus()
    page.keyboard.press("Control+V")
    expect(page.locator(".card")).to_have_count(2)
    assert site.asked[-1].body == f"{POD}---\n{POD}"


def test_dropped_files_are_added_together(page: Page) -> None:
    """Several files at once, dropped anywhere, replace an example and nothing that a person wrote."""
    page.click("#example")
    expect(page.locator(".card")).to_have_count(3)
    _drop(page, {"pod.yaml": POD, "settings.json": json.dumps(yaml.safe_load(CONFIG_MAP))})
    expect(page.locator(".card")).to_have_count(2)
    _drop(page, {"agent.yaml": PRIVILEGED})
    expect(page.locator(".card h3")).to_have_text(["Pod web", "ConfigMap settings", "Pod agent"])
    expect(page.locator(".card").nth(1).locator(".badge")).to_have_text("no pod in it")


def test_a_dropped_file_may_begin_with_directives(page: Page, site: Site) -> None:
    """`%YAML` may stand behind `...` only: every file stays the document that it was."""
    directives = f"# ours\n%YAML 1.2\n---\n{PRIVILEGED}"
    _drop(page, {"pod.yaml": POD, "agent.yaml": directives, "settings.yaml": CONFIG_MAP})
    expect(page.locator(".card h3")).to_have_text(["Pod web", "Pod agent", "ConfigMap settings"])
    assert site.asked[-1].body == f"{POD}...\n{directives}---\n{CONFIG_MAP}"
    _drop(page, {"again.yaml": directives.replace("agent", "again")})
    expect(page.locator(".card h3")).to_have_text(["Pod web", "Pod agent", "ConfigMap settings", "Pod again"])


def test_files_can_be_chosen(page: Page, tmp_path: Path) -> None:
    """UTF-8 and UTF-16, as the server reads them; what is no text is named and the rest is added."""
    (tmp_path / "one.yaml").write_text(POD)
    (tmp_path / "two.yaml").write_text(PRIVILEGED, encoding="utf-16")
    (tmp_path / "photo.yaml").write_bytes(b"\xff\xd8\xff\xe0")
    page.set_input_files("#files", [tmp_path / name for name in ("one.yaml", "photo.yaml", "two.yaml")])
    expect(page.locator(".card h3")).to_have_text(["Pod web", "Pod agent"])
    expect(page.locator("#complaint")).to_contain_text("photo.yaml")


def test_profile_version_and_namespace_are_asked_for(page: Page, site: Site) -> None:
    """Each change asks again; what the namespace says is asked for without a profile."""
    page.fill("#text", PRIVILEGED)
    expect(page.locator(".badge").last).to_have_text("with defaults: 4 violations")
    page.select_option("#profile", "baseline")
    expect(page.locator(".badge").last).to_have_text("with defaults: 1 violation")
    page.select_option("#version", "v1.30")
    page.fill("#namespace", "shop")
    expect(page.locator(".where")).to_have_text("in shop")
    assert site.asked[-1].query == {"diff": "full", "profile": "baseline:v1.30", "namespace": "shop"}
    page.select_option("#profile", "privileged")
    expect(page.locator(".badge").last).to_have_text("with defaults: compliant")
    expect(page.locator(".note")).to_contain_text("At privileged nothing is asked for")
    page.select_option("#profile", "namespace")
    expect(page.locator("#version")).to_be_disabled()
    expect(page.locator(".badge").last).to_have_text("with defaults: 4 violations")
    assert site.asked[-1].query == {"diff": "full", "namespace": "shop"}


def test_what_remains_names_the_field_to_change(page: Page) -> None:
    """Each remaining violation says which field, to what, and what Kubernetes says of it."""
    page.fill("#text", PRIVILEGED)
    page.select_option("#profile", "baseline")
    remaining = page.locator(".remaining")
    expect(remaining.locator("h4")).to_have_text("1 thing only you can change")
    expect(remaining).to_contain_text("Change securityContext.privileged")
    expect(remaining).to_contain_text("To pass: container securityContext.privileged: unset or false.")
    expect(remaining).to_contain_text('privileged (container "agent" must not set securityContext.privileged=true)')
    expect(remaining.locator(".edits li")).to_have_text("remove spec.containers[0].securityContext.privileged line 8")
    expect(page.locator(".note")).to_have_text("Admission would refuse it like this.")
    expect(page.locator(".warnings summary")).to_have_text("1 warning that kubectl would print")


def test_one_edit_mends_several_violations(page: Page) -> None:
    """The page lists what to do once, and does not ask for fields that the defaults fill in afterwards."""
    page.fill("#text", PRIVILEGED)
    page.select_option("#profile", "restricted")
    remaining = page.locator(".remaining")
    expect(remaining.locator("h4")).to_have_text("1 thing only you can change")
    expect(remaining.locator(".edits li")).to_have_count(1)
    expect(remaining.locator("ul > li")).to_have_count(4)
    expect(remaining.get_by_text("Change securityContext")).to_have_count(1)
    expect(remaining.get_by_text("This is mended by what is listed above.")).to_have_count(3)


def test_an_admission_review_is_the_object_in_it(page: Page) -> None:
    """Of one that is not looked at the reason is shown, where an object without a pod is shown."""
    page.fill("#text", f"{REVIEW}---\n{REVIEW.replace('CREATE', 'DELETE')}")
    expect(page.locator(".card h3")).to_have_text(["Pod web", "AdmissionReview (without a name)"])
    expect(page.locator(".card .where")).to_have_text(["in shop", "in shop"])
    first, second = page.locator(".card").all()
    expect(first.locator(".badge").last).to_have_text("with defaults: compliant")
    second.locator(".toggle").click()
    expect(second.locator(".note")).to_contain_text("it passes through as it is")
    second.locator(".warnings summary").click()
    expect(second.locator(".warnings li")).to_contain_text("an AdmissionReview of DELETE, not of CREATE or UPDATE")
    expect(page.locator("#announcement")).to_have_text(
        "1 object with a pod: 0 compliant as written, 1 with defaults; 1 other without a pod.",
    )


def test_what_its_pods_will_meet_is_said_beside_the_verdict(page: Page) -> None:
    """The badges judge the pods of a template; the warnings tell what the API server does with them."""
    page.fill("#text", NODE_EXPORTER)
    page.select_option("#profile", "baseline")
    expect(page.locator(".badge")).to_have_text(["as written: 2 violations", "with defaults: 2 violations"])
    page.locator(".warnings summary").click()
    expect(page.locator(".warnings li").last).to_contain_text(
        'in its pods only: hostNetwork copies containerPort to hostPort: hostPort (container "x"'
    )


def test_differences_side_by_side_and_unified(page: Page) -> None:
    """Both views show the same lines; an added line has its sign, its word and its number."""
    page.fill("#text", POD)
    split = page.locator(".diff.split")
    expect(split).to_be_visible()
    lines = [line.text_content() for line in split.locator("td.added ins").all()]
    assert "    seccompProfile:" in lines
    assert all(cell.text_content() == "" for cell in split.locator("td.void").all())
    page.locator("label[for=view-unified]").click()
    unified = page.locator(".diff.unified")
    expect(unified).to_be_visible()
    rows = unified.locator("tr.added")
    assert [line.text_content() for line in rows.locator("ins").all()] == lines
    assert all(row.locator(".sign").inner_text() == "+" for row in rows.all())
    assert {row.locator(".unseen").text_content() for row in rows.all()} == {"added: "}
    (patched,) = _patched(POD)
    page.locator(".folded button").first.click()
    assert yaml.safe_load("\n".join(unified.locator(".line").all_text_contents())) == patched


def test_unchanged_parts_unfold(page: Page) -> None:
    """What is far from every change is folded; a button brings it, and the focus goes there."""
    page.click("#example")
    first = page.locator(".card").first
    expect(first.locator(".folded button")).to_have_text("16 unchanged lines")
    assert "kind: Deployment" not in first.locator(".diff").inner_text()
    first.locator(".folded button").click()
    assert "kind: Deployment" in first.locator(".diff").inner_text()
    assert page.evaluate("document.activeElement.textContent") == "apiVersion: apps/v1"


def test_removed_lines_are_shown_as_removed(page: Page, site: Site) -> None:
    """A removed token mount, as no offline manifest has it: the sign, the word, and the pair beside each other."""
    result = json.loads(report(POD, {"profile": "restricted"}))
    result["results"][0]["diff"] = "--- a/x\n+++ b/x\n@@ -1,3 +1,2 @@\n a: 1\n-b: 2\n-c: 3\n+b: 4\n"
    site.answers.append(Answer(200, json.dumps(result)))
    page.fill("#text", POD)
    expect(page.locator(".split")).to_be_visible()
    cells = [row.locator("td").all_text_contents() for row in page.locator(".split tbody tr").all()]
    assert cells == [
        ["1", "a: 1", "1", "a: 1"],
        ["2", f"{MINUS}removed: b: 2", "2", "+added: b: 4"],
        ["3", f"{MINUS}removed: c: 3", "", ""],
    ]


def test_copying(open_page: OpenPage) -> None:
    """Patch and YAML, of one object and of all, and the link: what the engine says, letter by letter."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.fill("#text", f"{POD}---\n{CONFIG_MAP}")
    expect(page.locator(".card")).to_have_count(2)
    patched = _patched(f"{POD}---\n{CONFIG_MAP}")

    def copied(name: str) -> str:
        button = page.get_by_role("button", name=name, exact=True)
        button.click()
        expect(button).to_have_attribute("data-copied", "true")
        return str(page.evaluate("navigator.clipboard.readText()"))

    assert yaml.safe_load(copied("Copy YAML of Pod web")) == patched[0]
    assert list(yaml.safe_load_all(copied("Copy all YAML of all objects"))) == patched
    (operations, _) = (result["patch"] for result in json.loads(report(f"{POD}---\n{CONFIG_MAP}", {}))["results"])
    assert json.loads(copied("Copy Patch of Pod web")) == operations
    assert [(entry["kind"], entry["patch"]) for entry in json.loads(copied("Copy all Patches of all objects"))] == [
        ("Pod", operations),
        ("ConfigMap", []),
    ]
    expect(page.locator("#announcement")).to_have_text("All patches copied")


def test_a_failed_copy_is_told_in_words(page: Page) -> None:
    """On the button that was pressed, for everybody to see, and then the button is as before."""
    page.evaluate(
        """() => {
          navigator.clipboard.writeText = () => Promise.reject(new DOMException("no", "NotAllowedError"));
          document.execCommand = () => false;
        }"""
    )
    page.fill("#text", POD)
    button = page.get_by_role("button", name="Copy YAML of Pod web", exact=True)
    button.click()
    expect(button.get_by_text("Not copied")).to_be_visible()
    expect(page.locator("#announcement")).to_have_text("YAML could not be copied: the browser does not allow it")
    expect(button.get_by_text("Not copied")).to_have_count(0)
    expect(button).not_to_have_attribute("data-copied", "false")


def test_downloading(page: Page, tmp_path: Path) -> None:
    """Files with plain names that hold what copying gives."""
    page.fill("#text", f"{POD}---\n{CONFIG_MAP}")
    patched = _patched(f"{POD}---\n{CONFIG_MAP}")

    def downloaded(name: str) -> tuple[str, str]:
        with page.expect_download() as waiting:
            page.get_by_role("button", name=name, exact=True).click()
        waiting.value.save_as(tmp_path / "file")
        return waiting.value.suggested_filename, (tmp_path / "file").read_text()

    name, text = downloaded("Download YAML of Pod web")
    assert (name, yaml.safe_load(text)) == ("pod-web.yaml", patched[0])
    name, text = downloaded("Download all YAML of all objects")
    assert (name, list(yaml.safe_load_all(text))) == ("patched.yaml", patched)
    name, text = downloaded("Download Patch of Pod web")
    assert name == "pod-web.patch.json"
    assert {operation["op"] for operation in json.loads(text)} == {"add"}
    name, text = downloaded("Download all Patches of all objects")
    assert (name, len(json.loads(text))) == ("patches.json", 2)


def test_one_bad_document_hides_no_other(page: Page) -> None:
    """Of three documents the second is wrong: it names document, field and line, and leads there."""
    page.fill("#text", BROKEN)
    expect(page.locator(".card")).to_have_count(3)
    expect(page.locator(".card.error h3")).to_have_text("Document 2 cannot be read")
    expect(page.locator(".card.error .message")).to_contain_text("spec.containers: Expected array | null, got int")
    expect(page.locator(".rest")).to_have_text("1 object without a pod · 1 document cannot be read")
    page.get_by_role("button", name="Go to line 12").click()
    selected = page.evaluate("getSelection().toString()")
    assert selected == "spec: {containers: 3}"
    assert page.evaluate("document.activeElement.id") == "text"


def test_two_hundred_objects_stay_smooth(open_page: OpenPage) -> None:
    """All are there, closed; opening them all builds only what is near the window; filtering finds one."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", pods(200))
    begin = time.monotonic()
    page.keyboard.press("Control+V")
    expect(page.locator(".card")).to_have_count(200)
    shown = time.monotonic() - begin
    expect(page.locator(".sentence")).to_have_text("All 200 comply with defaults")
    assert page.locator(".diff").count() == 0
    begin = time.monotonic()
    page.get_by_role("button", name="Open all").click()
    expect(page.locator(".diff").first).to_be_visible()
    opened = time.monotonic() - begin
    assert page.locator(".diff").count() < 50
    begin = time.monotonic()
    last = page.locator(".card").last
    for _ in range(20):  # cards on the way are built when they come near, and push the last one on
        last.scroll_into_view_if_needed()
        if last.locator(".diff").count():
            break
        page.wait_for_timeout(250)
    expect(last.locator(".diff")).to_be_visible()
    scrolled = time.monotonic() - begin
    page.fill("#filter-text", "web-199")
    expect(page.locator(".card:visible")).to_have_count(1)
    expect(page.locator(".shown")).to_have_text("1 result of 200")
    page.get_by_role("button", name="Close all").click()
    assert page.locator(".card-body:visible").count() == 0
    print(f"\n200 objects: shown in {shown:.2f} s, opened in {opened:.2f} s, the last seen in {scrolled:.2f} s")
    assert max(shown, opened, scrolled) < 20


def _opened(page: Page, selector: str) -> float:
    """Press a button, and say in ms how long until the browser has shown what it brings."""
    return float(
        page.evaluate(
            """async (selector) => {
              const begin = performance.now();
              document.querySelector(selector).click();
              const drawn = () => document.querySelector(".diff tbody .line");
              do {
                await new Promise(requestAnimationFrame);
              } while (!drawn());
              return performance.now() - begin;
            }""",
            selector,
        )
    )


def test_a_very_long_document_opens_in_steps(page: Page) -> None:
    """Of a pod with changes everywhere the first rows are shown, and more when asked for; the focus goes there."""
    page.fill("#text", pod_of(1000))
    toggle = page.locator(".toggle")
    expect(toggle).to_have_attribute("aria-expanded", "true", timeout=30_000)
    toggle.click()
    page.locator("#run").click()
    expect(page.locator("#outcome")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator(".diff")).to_have_count(0)
    took = _opened(page, ".toggle")
    rows = page.locator(".diff tbody tr")
    before = rows.count()
    assert before < 1000
    more = page.get_by_role("button", name="Show 400 more")
    total = int((more.text_content() or "").split(" of ")[1].split()[0]) + before - 1
    assert total > 5000
    more.click()
    assert rows.count() == before + 400
    assert page.evaluate("document.activeElement.classList.contains('code')")
    print(f"\n{total} rows: opened in {took:.0f} ms")
    assert took < 3000


def test_a_very_long_unchanged_part_unfolds_in_steps(page: Page) -> None:
    """The button shows the first rows; pressed until none is left, every line is there."""
    keys = 1200
    page.fill("#text", CONFIG_MAP.replace("{a: b}", "\n" + "".join(f"  k{key:05}: v\n" for key in range(keys))))
    page.locator(".folded button").click()
    assert page.locator(".diff tbody tr").count() == 401
    while page.locator(".folded button").count():
        page.locator(".folded button").click()
    lines = page.locator(".diff").evaluate("(diff) => [...diff.querySelectorAll('.line')].map((l) => l.textContent)")
    assert lines[::2] == lines[1::2]
    (patched,) = _patched(page.input_value("#text"))
    assert yaml.safe_load("\n".join(lines[::2])) == patched


def test_filtering_by_what_became_of_them(page: Page) -> None:
    """Needs attention: what cannot be read and what still violates. The choice lasts over the next preview."""
    page.fill("#text", f"{BROKEN}---\n{PRIVILEGED}")
    page.select_option("#filter-state", "attention")
    expect(page.locator(".card:visible h3")).to_have_text(["Document 2 cannot be read", "Pod agent"])
    page.select_option("#profile", "baseline")
    expect(page.locator(".badge").last).to_have_text("with defaults: 1 violation")
    expect(page.locator(".card:visible")).to_have_count(2)
    page.select_option("#filter-state", "fixed")
    expect(page.locator(".shown")).to_have_text("0 results of 4")


def test_what_a_person_closed_stays_closed(page: Page) -> None:
    """Over the next preview, which any keystroke brings."""
    page.fill("#text", POD)
    page.locator(".toggle").click()
    expect(page.locator(".card-body")).to_be_hidden()
    page.select_option("#profile", "baseline")
    expect(page.locator(".badge").first).to_have_text("as written: compliant")
    expect(page.locator(".card-body")).to_be_hidden()


def test_the_link_carries_settings_only(open_page: OpenPage) -> None:
    """Whoever opens a copied link sees the same profile, version, namespace and view, and no manifest."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.fill("#text", POD)
    page.select_option("#profile", "baseline")
    page.select_option("#version", "v1.30")
    page.fill("#namespace", "shop")
    page.locator("label[for=view-unified]").click()
    page.click("#copy-link")
    expect(page.locator("#copy-link")).to_have_attribute("data-copied", "true")
    link = page.evaluate("navigator.clipboard.readText()")
    query = link.partition("?")[2]
    assert query == "profile=baseline&version=v1.30&namespace=shop&view=unified"
    other = open_page(f"?{query}")
    assert [other.input_value(f"#{name}") for name in ("profile", "version", "namespace")] == [
        "baseline",
        "v1.30",
        "shop",
    ]
    assert other.input_value("#text") == ""
    other.fill("#text", POD)
    expect(other.locator(".diff.unified")).to_be_visible()


def test_a_link_of_nonsense_is_the_default(open_page: OpenPage) -> None:
    """What is no setting is left out."""
    page = open_page("?profile=<b>&version=v9&namespace=A/B&view=3d&token=abc")
    assert page.input_value("#profile") == "restricted"
    assert page.input_value("#version") == "latest"
    assert page.input_value("#namespace") == ""


def test_an_older_answer_never_overtakes(page: Page, site: Site) -> None:
    """Whatever is typed while the server thinks, the last text is what is shown."""
    for number in range(5):
        page.fill("#text", POD.replace("web", f"web-{number}"))
        page.keyboard.press("Control+Enter")
    expect(page.locator(".name")).to_have_text("web-4")
    page.fill("#text", "")
    expect(page.locator(".welcome")).to_be_visible()
    assert len(site.asked) >= 5


def test_line_numbers_follow_the_text(page: Page) -> None:
    """As many as there are lines; the line of a failure is marked, until the text changes."""
    page.fill("#text", BROKEN)
    expect(page.locator(".numbers i")).to_have_count(1)
    numbers = page.locator(".numbers").text_content()
    assert numbers == "\n".join(str(number + 1) for number in range(BROKEN.count("\n") + 1))
    page.fill("#text", "a: 1")
    expect(page.locator(".numbers")).to_have_text("1")


def test_dark_and_light(open_page: OpenPage) -> None:
    """As the system says; the button changes it, and a reload keeps the choice."""
    page = open_page(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(13, 18, 25)"
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "true")
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(244, 246, 249)"
    page.reload()
    page.wait_for_selector(".welcome")
    assert page.evaluate(ground) == "rgb(244, 246, 249)"
    page.emulate_media(color_scheme="light")
    expect(page.locator("#theme")).to_have_attribute("aria-pressed", "false")


def test_the_guard_sees(open_page: OpenPage, watch: Watch) -> None:
    """The check that every test here makes at its end can fail."""
    page = open_page()
    page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")
    page.evaluate("alert('x')")
    assert len(watch.offences) >= 2
    watch.offences.clear()
