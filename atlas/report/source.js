// Where the report gets its data from: the API, or a report file, which searches and sorts like the API.

const ANY_FINDING = "any";
const SEVERITIES = ["high", "medium", "low"];
const MAX_API_PAGE = 1000;
const KEY = "functionKey";

const access = document.documentElement.dataset.access;
const byId = (id) => document.getElementById(id);
const severities = JSON.parse(document.documentElement.dataset.severities);

class Problem extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

const api = {
  key: sessionStorage.getItem(KEY),

  async send(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    const search = new URLSearchParams(given).toString();
    const headers = { Accept: "application/json", ...(this.key ? { "x-functions-key": this.key } : {}) };
    let response;
    try {
      response = await fetch(`${location.pathname.replace(/\/report\/?$/, "")}${path}${search ? `?${search}` : ""}`, {
        headers, cache: "no-store", credentials: "same-origin", referrerPolicy: "no-referrer",
      });
    } catch {
      throw new Problem(0, "The app does not respond. Check your connection.");
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    throw new Problem(response.status, problem.detail || `The app responded with ${response.status}.`, Number(response.headers.get("Retry-After")) || null);
  },
  async get(path, query) {
    return (await this.send(path, query)).json();
  },
  scans() { return this.get("/scans", { limit: 100 }); },
  adoption() { return this.get("/adoption"); },
  users(query) { return this.get("/users", query); },
  user(user) { return this.get(`/users/${encodeURIComponent(user.userId)}/bookings`, { availability: "false" }); },
  pagesOfUser(user) { return this.get(`/users/${encodeURIComponent(user.userId)}/shared-pages`); },
  // The API returns pages in the order of their IDs, so all that match are read before they are sorted.
  async sharedPages({ finding, limit, continuation, ...wanted }) {
    const query = { ...wanted, finding: finding === ANY_FINDING ? "" : finding };
    const key = JSON.stringify([query, finding]);
    if (!continuation || this.found?.key !== key) {
      const pages = [];
      let next = null;
      do {
        const page = await this.get("/shared-pages", { ...query, limit: MAX_API_PAGE, continuation: next });
        pages.push(...page.value);
        next = page.continuation;
      } while (next);
      this.found = { key, pages: worstFirst(pages.filter((page) => hasFinding(page, finding))) };
    }
    return file.page(this.found.pages, limit, continuation);
  },
  sharedPage(page) { return this.get(`/shared-pages/${encodeURIComponent(page.id)}`); },
  policy() { return this.get("/policy"); },
  async csv(query) { return (await this.send("/users.csv", query)).blob(); },
};

const file = {
  read: null,
  data() {
    this.read ??= JSON.parse(byId("data").textContent);
    return this.read;
  },
  async scans() { return { value: this.data().scans }; },
  async adoption() { return this.data().adoption; },
  async user(user) { return user; },
  async policy() { return this.data().policy; },
  async sharedPage(page) { return page; },
  async pagesOfUser(user) {
    const pages = (this.data().sharedPages ?? []).flatMap((page) => [
      ...page.holders.filter((holder) => holder.userId === user.userId).map((holder) => ({ ...page, access: holder.access, viaGroup: holder.viaGroup, role: null })),
    ]);
    return { value: pages };
  },
  async users({ order, limit, continuation, ...wanted }) {
    const rank = Object.keys(STATUSES);
    const name = (user) => fold(user.displayName ?? user.userPrincipalName);
    const keys = {
      userId: (user) => [user.userId],
      displayName: (user) => [name(user)],
      userPrincipalName: (user) => [user.userPrincipalName.toLowerCase()],
      status: (user) => [rank.indexOf(user.status), name(user)],
      department: (user) => [user.department ? 0 : 1, fold(user.department ?? ""), name(user)],
    };
    const found = this.data().users.filter((user) => matches(user, wanted)).map((user) => [keys[order](user), user]);
    found.sort(([left], [right]) => compare(left, right));
    return this.page(found.map(([, user]) => user), limit, continuation);
  },
  async sharedPages({ limit, continuation, search, finding, published }) {
    const found = (this.data().sharedPages ?? []).filter((page) =>
      hasFinding(page, finding) &&
      (!published || String(page.published) === published) &&
      (!search || begins(search, page.id, page.displayName)));
    return this.page(worstFirst(found), limit, continuation);
  },
  page(found, limit, continuation) {
    const from = Number(continuation ?? 0);
    const next = from + limit;
    return { value: found.slice(from, next), continuation: next < found.length ? String(next) : null, total: found.length };
  },
  async csv(query) {
    const { tenantId, csvColumns } = this.data();
    const { value } = await this.users({ ...query, order: "userId", limit: Infinity });
    const rows = value.map((user) => ({ ...user, tenantId, finding: user.findings.join(" "), meetingTypes: user.meetingTypes && JSON.stringify(user.meetingTypes) }));
    const cells = (row) => csvColumns.map((name) => cell(name, row[name[0].toLowerCase() + name.slice(1)]));
    return new Blob(["\ufeff", [csvColumns, ...rows.map(cells)].map((line) => `${line.join(",")}\r\n`).join("")], { type: "text/csv" });
  },
};

const source = access === "file" ? file : api;

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function compare(left, right) {
  for (let index = 0; index < left.length; index += 1) {
    if (left[index] !== right[index]) return left[index] < right[index] ? -1 : 1;
  }
  return 0;
}

function hasFinding(page, finding) {
  return !finding || (finding === ANY_FINDING ? page.findings.length > 0 : page.findings.includes(finding));
}

// Pages with findings first, those with the highest severity at the top, then those with the most; then by name.
function worstFirst(pages) {
  const rank = (page) => Math.min(SEVERITIES.length, ...page.findings.map((name) => SEVERITIES.indexOf(severities[name])));
  const keyed = pages.map((page) => [[rank(page), -page.findings.length, fold(page.displayName ?? page.id), page.id], page]);
  return keyed.sort(([left], [right]) => compare(left, right)).map(([, page]) => page);
}

function begins(search, address, name) {
  const wanted = search.toLowerCase();
  const words = (name ?? "").toLowerCase().split(/\s+/);
  return [address.toLowerCase(), (name ?? "").toLowerCase(), ...words.map((_, first) => words.slice(first).join(" "))].some((text) => text.startsWith(wanted));
}

function matches(user, { status, domain, department, enabled, userType, search }) {
  return (
    (status ? status.split(",").includes(user.status) : user.status !== "gone") &&
    (!domain || user.userPrincipalName.toLowerCase().endsWith(`@${domain.toLowerCase()}`)) &&
    (!department || (user.department ?? "").trim().toLowerCase() === department.toLowerCase()) &&
    (!enabled || String(user.accountEnabled) === enabled) &&
    (!userType || user.userType === userType) &&
    (!search || begins(search, user.userPrincipalName, user.displayName))
  );
}

// As the app writes it: texts get an apostrophe before what a spreadsheet would run as a formula, JSON an escape.
function cell(column, value) {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = column === "MeetingTypes"
    ? text.replace(/(;[\s"\\]*)([=+\-@\uff1d\uff0b\uff0d\uff20])/g, (_, before, sign) => `${before}\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`)
    : text.replace(/(^|[;\t\r\n])(?=[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20])|^(?=[\t\r\n])/g, "$1'");
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
