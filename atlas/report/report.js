// What the report shows. Data comes from `source`, and is written as text content only.

const STATUSES = {
  published: ["Published", "the page responds and offers public meeting types"],
  noPublicTypes: ["No public types", "the page responds and offers no public meeting types"],
  signInRequired: ["Sign-in required", "the page or the tenant requires visitors to sign in"],
  notSetUp: ["Not set up", "no page was found, and nothing known forbids one"],
  switchedOff: ["Switched off", "no page: a policy turns personal bookings off"],
  noCapability: ["No capability", "no page: the licence has not reached the mailbox"],
  noMailbox: ["No mailbox", "licensed, but without a mailbox in Exchange Online"],
  unknown: ["Unknown", "could not be determined; the reason says why"],
  gone: ["Gone", "no longer licensed, or deleted"],
};
const FINDINGS = {
  policyContradictsPage: "a policy turns personal bookings off, but there is a page",
  policyConflict: "the organisation blocks personal bookings, but the mailbox allows them",
  capabilityContradictsPage: "the page responds, but the mailbox lacks the capability for Bookings",
  nothingBookable: "nothing can be booked in the next 7 days",
};
const SHARED_FINDINGS = {
  signInEnabled: "Account can sign in",
  reservedAddress: "Reserved address",
  lookAlikeAddress: "Look-alike address",
  duplicateName: "Duplicate name",
  nobodyLeft: "Nobody left with access",
  tooManyHolders: "Too many people with access",
  externalStaff: "External staff",
  publishedEmpty: "Published but empty",
  notInExchange: "Not in Exchange",
  hiddenButPublished: "Hidden but published",
};
const VERDICTS = { on: "On", off: "Off", ewsDisabled: "EWS disabled", unknown: "Unknown" };
const STATES = { completed: "completed", incomplete: "incomplete", failed: "failed", cancelled: "cancelled" };
const PAGE_SIZE = 50;
const SHOWN_GROUPS = 10;
const POLL_SECONDS = 5;
const TYPING_PAUSE = 300;


// Elements

function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (property.startsWith("on")) made.addEventListener(property.slice(2), value);
    else if (property === "mark") made.style.setProperty("--mark", value);
    else if (property === "width") made.style.width = value;
    else made.setAttribute(property, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute === "fill") made.style.fill = value;
    else made.setAttribute(attribute, value);
  }
  made.append(...children);
  return made;
}

function show(id, isShown = true) {
  byId(id).hidden = !isShown;
}

// Texts

const number = new Intl.NumberFormat("en");
const count = (value, one, many = `${one}s`) => `${number.format(value)} ${value === 1 ? one : many}`;
const dateFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const timeFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const moment = (text) => (text ? dateFormat.format(new Date(text)) : "not known");

function age(text) {
  const minutes = Math.max(0, Math.round((Date.now() - new Date(text)) / 60000));
  if (minutes < 1) return "less than a minute ago";
  if (minutes < 60) return `${count(minutes, "minute")} ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${count(hours, "hour")} ago` : `${count(Math.round(hours / 24), "day")} ago`;
}

function percent(part, whole) {
  if (!whole) return "–";
  const value = (100 * part) / whole;
  return value > 0 && value < 1 ? "<1%" : `${Math.round(value)}%`;
}

const inWords = (name) => {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words[0].toUpperCase() + words.slice(1);
};
const statusName = (status) => STATUSES[status]?.[0] ?? status;
const findingName = (name) => SHARED_FINDINGS[name] ?? inWords(name);
const yesNo = (value) => (value === null || value === undefined ? "not known" : value ? "yes" : "no");

// An address that may be broken only after its parts.
function address(text) {
  return el("span", {}, ...text.split(/(?<=@)|(?=\.)/).flatMap((part, index) => (index ? [el("wbr"), part] : [part])));
}

function statusMark(status) {
  return el("span", { class: "nowrap" }, el("span", { class: "dot", mark: `var(--${status})`, "aria-hidden": "true" }), statusName(status));
}

// Only web addresses become links, whatever a row contains.
function link(address) {
  return /^https?:\/\//i.test(address ?? "")
    ? el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address)
    : el("span", {}, address ?? "");
}

// States: loading, problem, nothing there

function say(id, text) {
  byId(id).replaceChildren(text);
}

function sayProblem(id, problem, again) {
  if (problem.status === 401) {
    openGate(problem);
    return;
  }
  const wait = problem.retryAfter ? ` It asks to wait ${count(problem.retryAfter, "second")}.` : "";
  byId(id).replaceChildren(
    el("span", { class: "bad" }, `${problem.message}${wait}`),
    again ? el("button", { type: "button", onclick: again }, "Try again") : "",
  );
}

async function load(id, what, again) {
  say(id, "Loading …");
  try {
    const result = await what();
    say(id, "");
    return result;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sayProblem(id, problem, again);
    return undefined;
  }
}

// Access

function openGate(problem) {
  for (const section of document.querySelectorAll("main > section, .sections")) section.hidden = true;
  show("running", false);
  const gate = byId("gate");
  if (!gate.hidden && gate.childElementCount) {
    const input = gate.querySelector("input");
    if (!input || input === document.activeElement) return;
  }
  const isWrong = Boolean(api.key);
  if (access === "entra") {
    const target = `/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent(location.pathname)}`;
    gate.replaceChildren(
      el("p", { class: "message" }, "Sign in to see the report. You need the app role Bookings.Read."),
      el("p", {}, el("a", { href: target, id: "sign-in" }, "Sign in")),
    );
  } else {
    const input = el("input", { type: "password", id: "key", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "key-help", "aria-invalid": isWrong ? "true" : null });
    gate.replaceChildren(
      el("p", { class: isWrong ? "message bad" : "message", role: "alert" }, isWrong ? "The app does not accept this key." : "The report reads the API, which requires a function key."),
      el("form", { onsubmit: enterKey }, el("label", { for: "key" }, "Function key"), input, el("button", { class: "main" }, "Open the report")),
      el("p", { class: "muted", id: "key-help" }, "The key is kept for this tab only, until you close it. It is sent as a header and never becomes part of an address."),
    );
    input.focus();
  }
  gate.hidden = false;
  document.title = "Bookings Atlas";
  say("age", "");
  if (problem.status === 403) gate.prepend(el("p", { class: "message bad" }, problem.message));
}

function enterKey(event) {
  event.preventDefault();
  api.key = byId("key").value.trim();
  sessionStorage.setItem(KEY, api.key);
  start();
}

function forgetKey() {
  api.key = null;
  sessionStorage.removeItem(KEY);
  show("forget-key", false);
  openGate(new Problem(401, ""));
}

// Overview

let lastScan = null;
let polling = 0;

async function showScans() {
  const scans = await load("overview-state", () => source.scans(), showScans);
  if (!scans) return;
  showRunning(scans.value.find((scan) => ["pending", "running"].includes(scan.state)));
  const finished = scans.value.filter((scan) => ["completed", "incomplete"].includes(scan.state));
  lastScan = finished[0] ?? null;
  showAge(scans.value);
  if (!lastScan) {
    say("overview-state", el("p", { class: "message" }, "No scan has finished yet. The schedule starts one, and so does POST /api/scans."));
    show("overview-body", false);
    return;
  }
  show("overview-body");
  showTotals(lastScan);
  showTrend(finished.slice(0, 60).reverse());
}

function showAge(scans) {
  const failed = scans[0]?.state === "failed" ? ` The last scan failed${scans[0].error ? `: ${scans[0].error}` : ""}.` : "";
  if (!lastScan) {
    say("age", `No data yet.${failed}`);
    return;
  }
  const at = lastScan.finishedAt;
  const how = lastScan.state === "incomplete" ? "Incomplete scan" : "Scan";
  byId("age").replaceChildren(
    `${how} finished `,
    el("strong", {}, el("time", { datetime: at }, age(at))),
    `, ${moment(at)}.${failed}`,
  );
}

function showTotals(scan) {
  const total = Object.values(scan.byStatus ?? {}).reduce((sum, value) => sum + value, 0);
  const statuses = Object.keys(STATUSES).filter((status) => scan.byStatus?.[status]);
  byId("totals").replaceChildren(
    el("table", { class: "totals" },
      el("caption", {}, "Users by status"),
      el("tbody", {}, ...statuses.map((status) => {
        const value = scan.byStatus[status];
        return el("tr", {},
          el("th", { scope: "row" },
            el("span", { class: "dot", mark: `var(--${status})`, "aria-hidden": "true" }),
            el("button", { type: "button", class: "link", title: STATUSES[status][1], onclick: () => filterBy({ status }) }, statusName(status))),
          el("td", { class: "number" }, number.format(value)),
          el("td", { class: "number muted" }, percent(value, total)),
          el("td", { class: "grow", "aria-hidden": "true" }, el("span", { class: "bar", mark: `var(--${status})` }, el("span", { width: `${(100 * value) / total}%` }))));
      })),
      el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "Licensed users"), el("td", { class: "number" }, number.format(total)), el("td"), el("td"))),
    ),
    scan.warnings?.length
      ? el("details", {}, el("summary", {}, count(scan.warnings.length, "warning")), el("ul", { class: "warnings" }, ...scan.warnings.map((text) => el("li", {}, text))))
      : "",
  );
}

function showTrend(scans) {
  const [width, height, bottom, left] = [520, 152, 18, 34];
  const totals = scans.map((scan) => Object.values(scan.byStatus ?? {}).reduce((sum, value) => sum + value, 0));
  const top = Math.max(1, ...totals);
  const step = (width - left) / Math.max(scans.length, 8);
  const scale = (value) => ((height - bottom - 8) * value) / top;
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    const y = height - bottom - scale(top * share);
    parts.push(svg("line", { x1: left, x2: width, y1: y, y2: y }), svg("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, number.format(Math.round(top * share))));
  }
  scans.forEach((scan, index) => {
    let y = height - bottom;
    for (const status of Object.keys(STATUSES)) {
      const value = scan.byStatus?.[status] ?? 0;
      if (!value) continue;
      y -= scale(value);
      parts.push(svg("rect", { x: left + index * step + step * 0.12, y, width: step * 0.76, height: Math.max(scale(value) - 0.5, 0.5), fill: `var(--${status})` }));
    }
  });
  const day = (scan) => dayFormat.format(new Date(scan.finishedAt));
  parts.push(svg("text", { x: left + step * 0.12, y: height - 4 }, day(scans[0])));
  if (scans.length > 3) parts.push(svg("text", { x: left + scans.length * step - step * 0.12, y: height - 4, "text-anchor": "end" }, day(scans.at(-1))));
  const statuses = Object.keys(STATUSES).filter((status) => scans.some((scan) => scan.byStatus?.[status]));
  byId("trend").replaceChildren(
    el("h3", {}, `Trend, ${count(scans.length, "scan")}`),
    svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Users by status in the last ${count(scans.length, "scan")}. The numbers are in the table below.` }, ...parts),
  );
  byId("trend-numbers").replaceChildren(
    el("details", {}, el("summary", {}, "Numbers of each scan"),
      el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Numbers of each scan" }, el("table", {},
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Finished"), ...statuses.map((status) => el("th", { scope: "col", class: "number" }, statusName(status))))),
        el("tbody", {}, ...scans.toReversed().map((scan) => el("tr", {},
          el("th", { scope: "row", class: "nowrap" }, moment(scan.finishedAt)),
          ...statuses.map((status) => el("td", { class: "number" }, number.format(scan.byStatus?.[status] ?? 0))))))))),
  );
}

function showRunning(scan) {
  clearTimeout(polling);
  const box = byId("running");
  if (!scan) {
    const hasEnded = !box.hidden;
    box.hidden = true;
    return hasEnded;
  }
  const [done, all] = [scan.usersProbed ?? 0, scan.usersListed ?? 0];
  const what = scan.state === "pending" ? "A scan is about to start." : done ? `A scan is running: ${number.format(done)}${all ? ` of ${number.format(all)}` : ""} users checked.` : "A scan is running: listing mailboxes and users.";
  const end = scan.estimatedEnd ? `Ends about ${timeFormat.format(new Date(scan.estimatedEnd))}.` : "";
  box.replaceChildren(
    el("span", {}, what), el("span", { class: "muted" }, end),
    el("progress", { "aria-label": "Users checked", ...(all && done ? { max: all, value: done } : {}) }),
    ...(scan.warnings?.length ? [el("ul", { class: "warnings" }, ...scan.warnings.map((text) => el("li", {}, text)))] : []),
  );
  box.hidden = false;
  polling = setTimeout(pollScan, POLL_SECONDS * 1000, scan.id);
  return false;
}

async function pollScan() {
  try {
    const { value } = await source.scans();
    const running = value.find((scan) => ["pending", "running"].includes(scan.state));
    if (showRunning(running)) await refresh();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401) openGate(problem);
    else polling = setTimeout(pollScan, 1000 * Math.max(POLL_SECONDS * 2, problem.retryAfter ?? 0));
  }
}

// Adoption

async function showAdoption() {
  const adoption = await load("adoption-state", () => source.adoption(), showAdoption);
  if (!adoption) return;
  fillSelect("domain", adoption.domains.map((group) => group.name));
  fillSelect("department", adoption.departments.map((group) => group.name));
  show("adoption-body", adoption.total.licensed > 0);
  if (!adoption.total.licensed) {
    say("adoption-state", "Nothing has been counted yet.");
    return;
  }
  byId("adoption-body").replaceChildren(
    uptakeTable("By domain", "domain", adoption.domains, adoption.otherDomains, adoption.total),
    uptakeTable("By department", "department", adoption.departments, adoption.otherDepartments, null),
    el("p", { class: "note" }, "Has page: the page responded or required sign-in, or did so when last known. Offers: it has a public meeting type. Only defaults: it offers nothing but the meetings of 15 and 30 minutes that Bookings creates. The bar shows who offers something."),
  );
}

function uptakeTable(title, parameter, groups, others, total) {
  const rows = [
    ...groups.map((group) => uptakeRow(group.name === null || group.name === "" ? "(none)" : el("button", { type: "button", class: "link", onclick: () => filterBy({ [parameter]: group.name }) }, parameter === "domain" ? address(group.name) : group.name), group)),
    ...(others ? [uptakeRow("(all others)", others)] : []),
  ];
  rows.slice(SHOWN_GROUPS).forEach((row) => { row.hidden = true; });
  const more = rows.length > SHOWN_GROUPS
    ? el("button", { type: "button", class: "quiet", onclick: (event) => { rows.forEach((row) => { row.hidden = false; }); rows[SHOWN_GROUPS].querySelector("button")?.focus(); event.target.remove(); } }, `Show all ${rows.length}`)
    : null;
  const head = (text, more) => el("th", { scope: "col", class: more ?? "number" }, text);
  return el("div", {},
    el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title },
      el("table", { class: "uptake" },
        el("caption", {}, title),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, parameter === "domain" ? "Domain" : "Department"), head("Licensed"), head("Has page"), head("Offers"), head("Only defaults"), el("td", { class: "grow" }))),
        el("tbody", {}, ...rows),
        total ? el("tfoot", {}, uptakeRow("All users", total)) : "")),
    more);
}

function uptakeRow(name, uptake) {
  const share = (part) => el("td", { class: "number" }, number.format(part), " ", el("span", { class: "percent" }, percent(part, uptake.licensed)));
  return el("tr", {},
    el("th", { scope: "row" }, name),
    el("td", { class: "number" }, number.format(uptake.licensed)),
    share(uptake.hasPage), share(uptake.offersMeetings), share(uptake.onlyDefaultTypes),
    el("td", { class: "grow", "aria-hidden": "true" }, el("span", { class: "bar", mark: "var(--published)" }, el("span", { width: percent(uptake.offersMeetings, uptake.licensed).replace("<", "").replace("–", "0%") }))));
}

// A table that the API filters, orders and pages

class PagedTable {
  constructor({ prefix, columns, order, fetch, one, row }) {
    Object.assign(this, { prefix, columns, order, fetch, one, row });
    this.before = [];
    this.continuation = null;
    this.next = null;
    this.turn = 0;
    const table = byId(`${prefix}-table`);
    this.body = table.tBodies[0];
    this.head = table.tHead.rows[0];
    this.previousButton = byId(`${prefix}-previous`);
    this.nextButton = byId(`${prefix}-next`);
    this.previousButton.addEventListener("click", () => this.go(this.before.pop(), this.previousButton));
    this.nextButton.addEventListener("click", () => { this.before.push(this.continuation); this.go(this.next, this.nextButton); });
    this.showHead();
  }

  showHead() {
    this.head.replaceChildren(...this.columns.map(([title, order, name]) => el("th", { scope: "col", class: name, "aria-sort": order && order === this.order ? "ascending" : null },
      order ? el("button", { type: "button", title: `Sort by ${title.toLowerCase()}`, onclick: () => this.sort(order) }, title) : title)));
  }

  sort(order) {
    this.order = order;
    this.showHead();
    this.head.querySelector(`[aria-sort] button`)?.focus();
    this.restart();
  }

  restart() {
    this.before = [];
    return this.go(null);
  }

  async go(continuation, button) {
    const turn = ++this.turn;
    const state = `${this.prefix}-state`;
    this.body.classList.add("busy");
    byId(`${this.prefix}-scroll`).setAttribute("aria-busy", "true");
    this.previousButton.disabled = this.nextButton.disabled = true;
    try {
      let page = await this.fetch({ order: this.order, limit: PAGE_SIZE, continuation });
      // A page without items may be followed by others: the API rather returns it than respond late.
      while (!page.value.length && page.continuation && turn === this.turn) {
        say(state, "Searching …");
        page = await this.fetch({ order: this.order, limit: PAGE_SIZE, continuation: page.continuation });
      }
      if (turn !== this.turn) return;
      this.continuation = continuation;
      this.next = page.continuation;
      this.body.replaceChildren(...page.value.map((item) => this.row(item)));
      say(state, this.summary(page));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (turn !== this.turn) return;
      this.next = null;
      this.body.replaceChildren();
      sayProblem(state, problem, () => this.go(continuation));
    }
    this.body.classList.remove("busy");
    byId(`${this.prefix}-scroll`).removeAttribute("aria-busy");
    this.previousButton.disabled = !this.before.length;
    this.nextButton.disabled = !this.next;
    if (button) (button.disabled ? [this.previousButton, this.nextButton].find((other) => !other.disabled) : button)?.focus();
  }

  summary(page) {
    const shown = page.value.length;
    const first = this.before.length * PAGE_SIZE;
    if (!shown && !page.continuation && !this.before.length) return `No ${this.one} matches.`;
    const total = page.total ?? (page.continuation ? null : first + shown);
    const range = shown ? `${number.format(first + 1)} to ${number.format(first + shown)}` : "0";
    if (total !== null && total <= PAGE_SIZE) return count(total, this.one);
    return total === null ? `${this.one[0].toUpperCase()}${this.one.slice(1)}s ${range}, and more` : `${this.one[0].toUpperCase()}${this.one.slice(1)}s ${range} of ${number.format(total)}`;
  }
}

// Users

function filters() {
  return Object.fromEntries([...new FormData(byId("filters"))].map(([name, value]) => [name, value.trim()]));
}

function filterBy(changes) {
  const form = byId("filters");
  form.reset();
  for (const [name, value] of Object.entries(changes)) {
    const control = form.elements[name];
    if (![...control.options].some((option) => option.value === value)) control.append(el("option", { value }, value));
    control.value = value;
  }
  filtersChanged();
  byId("users-title").focus({ preventScroll: true });
  byId("users").scrollIntoView();
}

function filtersChanged() {
  byId("clear").disabled = !Object.values(filters()).some(Boolean);
  users.restart();
}

function fillSelect(name, values) {
  const select = byId("filters").elements[name];
  const chosen = select.value;
  select.replaceChildren(el("option", { value: "" }, "any"), ...values.filter(Boolean).sort().map((value) => el("option", { value }, value)));
  select.value = chosen;
}

function offers(user) {
  if (!user.url) return "";
  if (user.meetingTypes === null) return "page";
  const types = user.meetingTypes.length ? count(user.meetingTypes.length, "meeting type") : "no public types";
  return user.bookable === false ? `${types}, nothing bookable` : types;
}

function userRow(user) {
  const name = el("button", { type: "button", class: "link", "aria-haspopup": "dialog", onclick: () => openUser(user) }, user.displayName || user.userPrincipalName);
  return el("tr", {},
    el("th", { scope: "row" }, name, el("span", { class: "sub" }, address(user.userPrincipalName))),
    el("td", { class: "status" }, statusMark(user.status)),
    el("td", {}, user.department ?? ""),
    el("td", {}, offers(user)),
    el("td", {}, ...user.findings.map((finding) => el("span", { class: "finding", title: FINDINGS[finding] ?? "" }, inWords(finding)))),
    el("td", { class: "nowrap muted" }, el("time", { datetime: user.checkedAt, title: moment(user.checkedAt) }, el("span", { class: "only-narrow" }, "checked "), user.checkedAt ? age(user.checkedAt) : "")),
  );
}

async function exportUsers() {
  const button = byId("export");
  button.disabled = true;
  try {
    const address = URL.createObjectURL(await source.csv(filters()));
    el("a", { href: address, download: "personal-bookings.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sayProblem("users-state", problem, exportUsers);
  } finally {
    button.disabled = false;
  }
}

// Details

function openDialog(title, subtitle) {
  const dialog = byId("detail");
  const body = el("div", {});
  dialog.replaceChildren(
    el("div", { class: "detail-top" },
      el("div", {}, el("h2", { id: "detail-title", tabindex: "-1" }, title), subtitle ? el("span", { class: "sub" }, subtitle) : ""),
      el("button", { type: "button", onclick: () => dialog.close() }, "Close")),
    body,
  );
  dialog.showModal();
  dialog.scrollTop = 0;
  byId("detail-title").focus();
  return body;
}

function facts(...pairs) {
  return el("dl", { class: "facts" }, ...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function part(title, ...content) {
  return [el("h3", {}, title), ...content];
}

function copyButton(text) {
  const button = el("button", { type: "button", class: "quiet", onclick: async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } }, "Copy");
  return navigator.clipboard ? button : "";
}

// Advice: sentences, and commands, which are indented or end a sentence after a colon.
function steps(advice) {
  const lines = advice.split("\n").flatMap((line) => {
    const [, before, command] = /^(\S.*:) ((?:Add|Remove|Set|Update)-[A-Z]\w+ .+)$/.exec(line) ?? [];
    return command ? [before, `    ${command}`] : [line];
  });
  return lines.filter((line) => line.trim()).map((line) => {
    if (!line.startsWith("    ")) return el("p", { class: "step" }, line);
    const command = line.trim();
    return el("div", { class: "command" }, el("pre", { class: "fix", tabindex: "0" }, command), copyButton(command));
  });
}

async function openUser(user) {
  const body = openDialog(user.displayName || user.userPrincipalName, user.userPrincipalName);
  const extra = el("div", { "aria-live": "polite" }, el("p", { class: "muted" }, "Loading …"));
  body.append(
    facts(
      ["Status", statusMark(user.status)],
      ["Meaning", STATUSES[user.status]?.[1]],
      ["Reason", user.reason],
      ["Last known", user.status === "unknown" && user.lastKnownStatus ? `${statusName(user.lastKnownStatus)}, ${moment(user.lastKnownAt)}` : null],
      ["Page", user.url ? el("span", {}, link(user.url), " ", copyButton(user.url)) : null],
      ["Without sign-in", user.anonymousUrl ? el("span", {}, link(user.anonymousUrl), " ", copyButton(user.anonymousUrl)) : null],
      ["Bookable in 7 days", user.bookable === null ? null : yesNo(user.bookable)],
      ["Checked", `${moment(user.checkedAt)} (${age(user.checkedAt)})`],
      ["Changed", user.changedAt ? moment(user.changedAt) : null],
    ),
    extra,
    ...(user.findings.length ? part("Findings", el("ul", { class: "plain" }, ...user.findings.map((name) => el("li", {}, el("strong", {}, inWords(name)), el("span", { class: "sub" }, FINDINGS[name] ?? ""))))) : []),
    ...(user.meetingTypes?.length ? part("Public meeting types", el("ul", { class: "plain" }, ...user.meetingTypes.map((type) => el("li", {}, type.title, el("span", { class: "sub" }, [type.durationMinutes ? `${type.durationMinutes} minutes` : null, type.isOnline ? "online" : null].filter(Boolean).join(", ")), el("span", { class: "sub" }, link(type.url)))))) : []),
    ...part("Policy", facts(["Verdict", VERDICTS[user.policyVerdict] ?? "not known"], ["Reason", user.policyReason])),
    ...part("Account", facts(
      ["Department", user.department], ["Enabled", yesNo(user.accountEnabled)], ["Type", user.userType],
      ["Mailbox", user.recipientType], ["Address", user.primarySmtpAddress], ["Mailbox GUID", user.mailboxGuid], ["Object ID", user.userId],
    )),
  );
  const pages = el("div", {});
  body.append(pages);
  await Promise.all([showFix(extra, user), showPagesOfUser(pages, user)]);
}

async function showFix(place, user) {
  try {
    const { fix } = await source.user(user);
    place.replaceChildren(...(fix ? part("What would change it", ...steps(fix)) : []));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const why = problem.status === 401 ? "This key does not open lookups, which say what would change the status." : problem.message;
    place.replaceChildren(el("p", { class: "muted" }, why));
  }
}

async function showPagesOfUser(place, user) {
  try {
    const { value } = await source.pagesOfUser(user);
    if (!value.length) return;
    place.replaceChildren(...part("Shared pages", el("ul", { class: "plain" }, ...value.map((page) => el("li", {},
      page.displayName || page.id,
      el("span", { class: "sub" }, [page.id, page.access.map(inWords).join(", "), page.role, page.viaGroup ? `through ${page.viaGroup}` : null].filter(Boolean).join(" · ")))))));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    place.replaceChildren(...part("Shared pages", el("p", { class: "muted" }, problem.message)));
  }
}

// As `atlas shared` counts them: people with full access, each once, and the groups that have it.
function canOpen(page) {
  if (!page.holders.length) return page.findings.includes("nobodyLeft") ? "no person" : "";
  const open = page.holders.filter((holder) => holder.access.includes("fullAccess"));
  const people = new Set(open.filter((holder) => holder.kind === "user").map((holder) => holder.userId ?? holder.userPrincipalName));
  const groups = open.filter((holder) => holder.kind === "group").map((holder) => `group ${holder.displayName ?? holder.userPrincipalName ?? "without a name"}`);
  return [people.size ? count(people.size, "person", "people") : "no person", ...groups].join(", ");
}

function sharedRow(page) {
  return el("tr", {},
    el("th", { scope: "row" }, el("button", { type: "button", class: "link", "aria-haspopup": "dialog", onclick: () => openSharedPage(page) }, page.displayName || page.id), el("span", { class: "sub" }, address(page.id))),
    el("td", { class: "status nowrap" }, page.published === null ? "not known" : page.published ? "published" : "not published"),
    el("td", {}, [page.staffCount === null ? null : `${page.staffCount} staff`, page.serviceCount === null ? null : count(page.serviceCount, "service")].filter(Boolean).join(", ")),
    el("td", {}, canOpen(page)),
    el("td", {}, ...page.findings.map((finding) => el("span", { class: "finding", title: `Severity: ${severities[finding] ?? "not known"}` }, findingName(finding)))),
  );
}

async function openSharedPage(page) {
  const body = openDialog(page.displayName || page.id, page.id);
  const extra = el("div", { "aria-live": "polite" }, el("p", { class: "muted" }, "Loading …"));
  body.append(
    facts(
      ["Published", yesNo(page.published)], ["Address", page.publicUrl ? link(page.publicUrl) : null],
      ["Created", page.createdAt ? moment(page.createdAt) : null], ["Created by", page.createdBy ?? page.creatorProblem],
      ["Account enabled", yesNo(page.accountEnabled)], ["Hidden from lists", yesNo(page.hiddenFromAddressLists)],
      ["Checked", page.checkedAt ? `${moment(page.checkedAt)} (${age(page.checkedAt)})` : null],
    ),
    extra,
    ...(page.holders?.length ? part("Who has access", el("ul", { class: "plain" }, ...page.holders.map((holder) => el("li", {}, holder.displayName || holder.userPrincipalName || holder.userId || "",
      el("span", { class: "sub" }, [holder.userPrincipalName, holder.access.map(inWords).join(", "), holder.viaGroup ? `through ${holder.viaGroup}` : null, holder.memberCount ? count(holder.memberCount, "member") : null].filter(Boolean).join(" · ")))))) : []),
  );
  try {
    const details = await source.sharedPage(page);
    extra.replaceChildren(
      ...(details.findingDetails?.length ? part("Findings", el("ul", { class: "plain" }, ...details.findingDetails.map((finding) => el("li", {}, el("strong", {}, findingName(finding.name)), el("span", { class: "sub" }, `${finding.severity}: ${finding.evidence}`), ...(finding.fix ? steps(finding.fix) : []))))) : []),
      ...(details.staff?.length ? part("Staff", el("ul", { class: "plain" }, ...details.staff.map((member) => el("li", {}, member.displayName || member.emailAddress || "", el("span", { class: "sub" }, [member.emailAddress, member.role].filter(Boolean).join(" · ")))))) : []),
      ...(details.services?.length ? part("Services", el("ul", { class: "plain" }, ...details.services.map((service) => el("li", {}, service.title ?? service.id, el("span", { class: "sub" }, [service.durationMinutes ? `${service.durationMinutes} minutes` : null, service.hidden ? "hidden" : null].filter(Boolean).join(", ")))))) : []),
    );
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    extra.replaceChildren(el("p", { class: "muted" }, problem.message));
  }
}

// Policy

async function showPolicy() {
  const policy = await load("policy-state", () => source.policy(), showPolicy);
  if (policy === null) say("policy-state", "The policy was not read.");
  if (!policy) return;
  const settings = Object.entries(policy.bookings ?? {});
  // Exchange returned these values; one that it returned empty is not set.
  const text = (value) => (value === null || value === undefined || value === "" ? "not set" : typeof value === "object" ? JSON.stringify(value) : String(value));
  byId("policy-body").replaceChildren(el("div", { class: "columns" },
    el("div", {},
      facts(["Personal bookings", el("strong", {}, VERDICTS[policy.verdict] ?? policy.verdict)], ["Reason", policy.reason], ["Setting", policy.setting ? `${policy.setting} = ${policy.value === null && policy.verdict === "unknown" ? "not known" : text(policy.value)}` : null],
        ["CIS 1.3.9", policy.cis139], ["EwsAllowedAppIDs", policy.ewsAllowedAppIds.join(", ") || "none, or not known"], ["Checked", `${moment(policy.checkedAt)} (${age(policy.checkedAt)})`]),
      ...(policy.openQuestions.length ? part("Open questions", el("ul", { class: "plain" }, ...policy.openQuestions.map((question) => el("li", {}, question)))) : [])),
    el("div", {},
      el("details", {}, el("summary", {}, "How to turn personal bookings on and off"), ...steps(policy.fix)),
      settings.length ? el("details", {}, el("summary", {}, `Bookings settings (${settings.length})`), el("dl", { class: "facts settings" }, ...settings.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, text(value))]))) : "",
      policy.owaPolicies.length ? el("details", {}, el("summary", {}, `Outlook on the web policies (${policy.owaPolicies.length})`), el("ul", { class: "plain" }, ...policy.owaPolicies.map((one) => el("li", {}, one.identity, el("span", { class: "sub" }, `can create shared pages: ${yesNo(one.bookingsMailboxCreationEnabled)}${one.isDefault ? ", default" : ""}`))))) : "")));
}

// Start

const users = new PagedTable({
  prefix: "users",
  one: "user",
  order: "displayName",
  columns: [["Name", "displayName"], ["Status", "status", "status"], ["Department", "department"], ["Offers"], ["Findings"], ["Checked"]],
  fetch: (page) => source.users({ ...filters(), ...page }),
  row: userRow,
});
const sharedPages = new PagedTable({
  prefix: "shared",
  one: "shared page",
  order: null,
  columns: [["Name"], ["State", null, "status"], ["Offers"], ["Can open it"], ["Findings"]],
  fetch: ({ limit, continuation }) => source.sharedPages({ ...Object.fromEntries(new FormData(byId("shared-filters"))), limit, continuation }),
  row: sharedRow,
});

async function refresh() {
  await Promise.all([showScans(), showAdoption(), users.restart(), sharedPages.restart()]);
}

async function start() {
  show("gate", false);
  show("forget-key", Boolean(api.key));
  for (const section of document.querySelectorAll("main > section, .sections")) section.hidden = false;
  if (source === file) show("shared", Boolean(file.data().sharedPages));
  await refresh();
  if (byId("gate").hidden) await showPolicy();
}

function whenTyped(form, change) {
  let pause = 0;
  form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(pause); change(); });
  form.addEventListener("input", (event) => {
    clearTimeout(pause);
    pause = setTimeout(change, event.target.type === "search" ? TYPING_PAUSE : 0);
  });
}

byId("filters").elements.status.append(
  el("option", { value: "" }, "any"),
  ...Object.entries(STATUSES).map(([status, [name]]) => el("option", { value: status }, name)),
);
byId("shared-filters").elements.finding.append(el("option", { value: "" }, "any"), el("option", { value: ANY_FINDING }, "any finding"), ...Object.entries(SHARED_FINDINGS).map(([value, name]) => el("option", { value }, name)));
fillSelect("domain", []);
fillSelect("department", []);
whenTyped(byId("filters"), filtersChanged);
whenTyped(byId("shared-filters"), () => sharedPages.restart());
byId("clear").addEventListener("click", () => filterBy({}));
byId("export").addEventListener("click", exportUsers);
byId("forget-key").addEventListener("click", forgetKey);
byId("detail").addEventListener("click", (event) => { if (event.target === event.currentTarget) event.currentTarget.close(); });
setInterval(() => { if (lastScan && byId("gate").hidden) showAge([]); }, 60000);

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const anchor = document.querySelector(`.sections a[href="#${entry.target.id}"]`);
    if (entry.isIntersecting) {
      document.querySelector(".sections [aria-current]")?.removeAttribute("aria-current");
      anchor?.setAttribute("aria-current", "true");
    }
  }
}, { rootMargin: "-20% 0px -70% 0px" });
document.querySelectorAll("main > section").forEach((section) => seen.observe(section));

start();
