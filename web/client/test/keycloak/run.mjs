// CrewUp on a real Keycloak: signing in through its pages in headless Chromium, what it says reaches the services, and what
// happens here reaches it. Needs `./dev up --keycloak`, `npm run build` and Chromium:
//
//   CREWUP_EDGE_URL        default http://127.0.0.1:8080
//   CREWUP_KEYCLOAK_URL    default http://127.0.0.1:8180
//   CREWUP_USER_PLAIN_URL  health and metrics of the user service, default http://127.0.0.1:9053
//   CREWUP_KEYCLOAK_PID    its process, to stop and continue it (required)
//   CHROMIUM               default /usr/bin/chromium (apt-get install -y chromium)
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { chromium } from "playwright-core";

import { createCrewUp, moderation, refusal } from "../../dist/index.js";
import { KEYCLOAK, PASSWORD, REALM, WEB, adminApi, authorization, claims, grant, header, redeem, refresh, service, signIn, signInByPassword } from "./keycloak.mjs";
import { link, mailbox } from "./mailbox.mjs";

const {
  CREWUP_EDGE_URL: EDGE = "http://127.0.0.1:8080",
  CREWUP_USER_PLAIN_URL: USER_PLAIN = "http://127.0.0.1:9053",
  CREWUP_KEYCLOAK_PID: PID,
  CHROMIUM = "/usr/bin/chromium",
} = process.env;
if (!PID) {
  console.error("CREWUP_KEYCLOAK_PID: is required");
  process.exit(64);
}

const STRONG = "correct horse battery";
const run = randomUUID().slice(0, 8);
const as = (token) => createCrewUp({ baseUrl: EDGE, token });
const me = async (token) => (await as(token).user.getMe({})).profile;
const reasonOf = (promise) => promise.then(() => "ok", (error) => refusal(error).reason ?? String(error));

const master = adminApi(async () => {
  const form = { grant_type: "password", client_id: "admin-cli", username: "admin", password: PASSWORD };
  return (await grant(form, `${KEYCLOAK}/realms/master`)).body.access_token;
});

// A new account with a password, as an administrator makes it: its id.
async function enrol(username, changes = {}) {
  const account = { username, email: `${username}@crewup.example`, emailVerified: true, firstName: "New", lastName: "Comer", enabled: true, ...changes };
  await master.good("POST", "/users", { ...account, credentials: [{ type: "password", value: STRONG }] });
  const [{ id }] = await master.good("GET", `/users?username=${username}&exact=true`);
  return id;
}

const account = async (id) => (await master.ask("GET", `/users/${id}`)).body;
const role = async (method, id, name) => master.good(method, `/users/${id}/role-mappings/realm`, [await master.good("GET", `/roles/${name}`)]);

async function until(what, holds, seconds = 20) {
  for (let turn = 0; turn < seconds * 10; turn += 1) {
    if (await holds()) return;
    await sleep(100);
  }
  assert.fail(`never: ${what}`);
}

// The last thing that SyncUsers said.
async function sync(request = {}) {
  let last;
  const judge = as((await signInByPassword("mod")).access_token);
  for await (const progress of judge.user.syncUsers(request)) last = progress;
  return last;
}

// Calls one after the other until `work` is done: how many there were, and which failed.
async function whileCalling(token, work) {
  let done = false;
  const failures = [];
  let count = 0;
  const callers = Array.from({ length: 4 }, async () => {
    while (!done) {
      count += 1;
      const reason = await reasonOf(me(token()));
      if (reason !== "ok") failures.push(reason);
      await sleep(20);
    }
  });
  try {
    await work();
  } finally {
    done = true;
    await Promise.all(callers);
  }
  return { count, failures };
}

// The Java process: kc.sh is its parent.
function javaPid() {
  let pid = Number(PID);
  for (;;) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    if (!child) return pid;
    pid = child;
  }
}

// The app: every address is an empty page.
const app = http.createServer((_, answer) => {
  answer.writeHead(200, { "content-type": "text/html" });
  answer.end('<!doctype html><title>CrewUp</title><link rel="icon" href="data:,">');
});
await new Promise((done, fail) => app.on("error", fail).listen(Number(new URL(WEB).port), "127.0.0.1", done));
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP localhost 127.0.0.1"],
});

// A browser that has never been here.
const visitor = async () => (await browser.newContext()).newPage();

const made = {};

const tests = [
  ["a sign-in begins only with PKCE, by S256, and goes back only to the app", async () => {
    const page = await visitor();
    for (const wrong of [{ code_challenge: undefined, code_challenge_method: undefined }, { code_challenge_method: "plain" }]) {
      await page.goto(authorization(wrong).url);
      assert.equal(new URL(page.url()).searchParams.get("error"), "invalid_request", page.url());
    }
    const away = await page.goto(authorization({ redirect_uri: "http://localhost:5174/" }).url);
    assert.equal(away.status(), 400);
    const implicit = await page.goto(authorization({ response_type: "token" }).url);
    assert.match(page.url() + (await implicit?.text().catch(() => "")), /unauthorized_client|unsupported_response_type|error/);
  }],
  ["no client but the developer's takes a password", async () => {
    for (const client of ["crewup-web", "admin-cli", "account"]) {
      const { status } = await grant({ grant_type: "password", client_id: client, username: "host", password: PASSWORD });
      assert.ok(status === 400 || status === 401, `${client}: ${status}`);
    }
  }],
  ["somebody signs in on Keycloak's page, and the first call makes the profile", async () => {
    made.name = `newcomer-${run}`;
    made.id = await enrol(made.name);
    made.tokens = await signIn(await visitor(), made.name, STRONG);
    const said = claims(made.tokens.access_token);
    assert.equal(said.sub, made.id);
    assert.deepEqual([said.typ, said.aud, said.azp, said.exp - said.iat], ["Bearer", "crewup-api", "crewup-web", 300]);
    // At another service than the user service, which asks that one for the profile as itself.
    await as(made.tokens.access_token).event.listEvents({});
    const profile = await me(made.tokens.access_token);
    assert.deepEqual([profile.email, profile.firstName, profile.lastName], [`${made.name}@crewup.example`, "New", "Comer"]);
    made.userId = profile.id;
  }],
  ["somebody signs up, verifies the e-mail, takes a password that is long enough, and has a profile", async () => {
    const inbox = await mailbox();
    const smtpServer = { host: "127.0.0.1", port: String(inbox.port), from: "crewup@crewup.example", auth: "false" };
    await master.good("PUT", "", { smtpServer });
    const page = await visitor();
    const name = `walkin-${run}`;
    const { url, verifier } = authorization();
    await page.goto(url);
    await page.click("text=Register");
    const fields = { "#username": name, "#email": `${name}@crewup.example`, "#firstName": "Walk", "#lastName": "In" };
    for (const [field, text] of Object.entries(fields)) await page.fill(field, text);
    await page.click("[type=submit]");
    const mail = await Promise.race([inbox.next(), sleep(20_000).then(() => assert.fail(`no mail: ${page.url()}`))]);
    inbox.close();
    assert.match(await page.textContent("body"), /verify your email/i, "nothing goes on before");
    const [{ emailVerified }] = await master.good("GET", `/users?username=${name}&exact=true`);
    assert.equal(emailVerified, false);
    await page.goto(link(mail));
    for (const [password, refused] of [["short", /minimum length 12/i], [STRONG, undefined]]) {
      await page.fill("#password-new", password);
      await page.fill("#password-confirm", password);
      await page.click("[type=submit]");
      if (refused) assert.match(await page.textContent("body"), refused);
    }
    const tokens = await redeem(page, verifier);
    assert.deepEqual([claims(tokens.access_token).email_verified, (await me(tokens.access_token)).firstName], [true, "Walk"]);
  }],
  ["a renamed person is renamed here, by the next token; a refresh token is good once", async () => {
    await master.good("PUT", `/users/${made.id}`, { firstName: "Renamed" });
    const { status, body } = await refresh(made.tokens.refresh_token, "crewup-web");
    assert.equal(status, 200, JSON.stringify(body));
    assert.notEqual(body.refresh_token, made.tokens.refresh_token);
    assert.equal((await me(body.access_token)).firstName, "Renamed");
    const again = await refresh(made.tokens.refresh_token, "crewup-web");
    assert.equal(again.body.error, "invalid_grant");
    made.tokens = await signIn(await visitor(), made.name, STRONG);
  }],
  ["a role that is given, and taken, is in the next token, and in the rank", async () => {
    await role("POST", made.id, "moderator");
    const judge = as((await signInByPassword("mod")).access_token);
    const ban = { userId: made.userId, reason: "to see the rank", violation: moderation.Violation.OTHER };
    const promoted = await refresh(made.tokens.refresh_token, "crewup-web");
    assert.equal(await reasonOf(as(made.tokens.access_token).moderation.listReports({})), "ROLE_REQUIRED");
    assert.equal(await reasonOf(as(promoted.body.access_token).moderation.listReports({})), "ok");
    await me(promoted.body.access_token);
    assert.equal(await reasonOf(judge.moderation.banUser(ban)), "RANK_TOO_LOW");
    await role("DELETE", made.id, "moderator");
    await sleep(1000 - (Date.now() % 1000) + 50); // Tokens are told apart by the second (U2).
    made.tokens = (await refresh(promoted.body.refresh_token, "crewup-web")).body;
    assert.equal(await reasonOf(as(made.tokens.access_token).moderation.listReports({})), "ROLE_REQUIRED");
    await me(made.tokens.access_token);
    assert.equal(await reasonOf(judge.moderation.banUser(ban)), "ok");
    await judge.moderation.unbanUser({ userId: made.userId });
    await until("the account is enabled again", async () => (await account(made.id)).enabled);
    await until("no order is left", async () => (await waiting()) === 0);
    made.tokens = await signIn(await visitor(), made.name, STRONG);
  }],
  ["what is signed with the same keys, and is no access token for us, is refused", async () => {
    const { id_token: idToken, refresh_token: refreshToken } = await signInByPassword("host");
    await master.ask("POST", "/clients", { clientId: "elsewhere", publicClient: true, directAccessGrantsEnabled: true });
    const elsewhere = await signInByPassword("host", PASSWORD, "elsewhere");
    assert.notEqual(claims(elsewhere.access_token).aud, "crewup-api");
    const form = { grant_type: "password", client_id: "admin-cli", username: "admin", password: PASSWORD };
    const ofMaster = (await grant(form, `${KEYCLOAK}/realms/master`)).body.access_token;
    const ofSync = (await service("crewup-sync")).body.access_token;
    for (const token of [idToken, refreshToken, elsewhere.access_token, ofMaster, ofSync]) {
      assert.equal(await reasonOf(me(token)), "TOKEN_INVALID", JSON.stringify(claims(token)));
    }
    assert.equal(await reasonOf(me((await service("crewup-event")).body.access_token)), "PERSON_ONLY");
  }],
  ["the client of the Admin API can do what it is for, and nothing else", async () => {
    const api = adminApi(async () => (await service("crewup-sync")).body.access_token);
    assert.equal((await api.ask("GET", `/users/${made.id}`)).body.id, made.id);
    const gone = await api.ask("GET", `/users/${randomUUID()}`);
    assert.deepEqual([gone.status, gone.body.error], [404, "User not found"]);
    const others = ["/clients", "/roles", "/events", "/components", "/identity-provider/instances", "/client-scopes"];
    for (const path of others) assert.equal((await api.ask("GET", path)).status, 403, path);
    assert.equal((await api.ask("PUT", "", { registrationAllowed: false })).status, 403);
    // Managing users is giving roles, too (ADR 23), but none with which one could do more here than before.
    const [{ id: management }] = await master.good("GET", "/clients?clientId=realm-management");
    const all = await master.good("GET", `/clients/${management}/roles/realm-admin`);
    assert.equal((await api.ask("POST", `/users/${made.id}/role-mappings/clients/${management}`, [all])).status, 403);
  }],
  ["signing keys are rotated while calls run, and none fails", async () => {
    const before = (await signInByPassword("host")).access_token;
    let newest = before;
    const { count, failures } = await whileCalling(
      () => (Math.random() < 0.5 ? before : newest),
      async () => {
        await sleep(1000);
        const [{ id: parentId }] = [await master.good("GET", "")];
        const config = { priority: [String(Math.floor(Date.now() / 1000))], enabled: ["true"], active: ["true"], algorithm: ["RS256"], keySize: ["2048"] };
        await master.good("POST", "/components", {
          name: `rsa-${run}`, providerId: "rsa-generated", providerType: "org.keycloak.keys.KeyProvider", parentId, config,
        });
        // One after the other: Keycloak refuses who signs in twice at the same moment.
        for (let turn = 0; turn < 10; turn += 1) newest = (await signInByPassword("host")).access_token;
        assert.notEqual(header(newest).kid, header(before).kid);
        await sleep(1000);
      },
    );
    assert.deepEqual(failures, []);
    assert.ok(count > 20, `${count} calls`);
  }],
  ["Keycloak stops while calls run: tokens that are good are good, the services stay ready", async () => {
    const { access_token: token } = await signInByPassword("host");
    await me(token);
    const pid = javaPid();
    const { count, failures } = await whileCalling(() => token, async () => {
      process.kill(pid, "SIGSTOP");
      try {
        const silent = fetch(`${REALM}/.well-known/openid-configuration`, { signal: AbortSignal.timeout(2000) });
        await assert.rejects(silent, undefined, "it answers still");
        for (let turn = 0; turn < 20; turn += 1) {
          assert.equal((await fetch(`${USER_PLAIN}/readyz`)).status, 200);
          await sleep(200);
        }
      } finally {
        process.kill(pid, "SIGCONT");
      }
    });
    assert.deepEqual(failures, []);
    assert.ok(count > 50, `${count} calls`);
    assert.equal(await reasonOf(me((await signInByPassword("host")).access_token)), "ok");
  }],
  ["who signed out cannot refresh", async () => {
    const tokens = await signIn(await visitor(), made.name, STRONG);
    const form = new URLSearchParams({ client_id: "crewup-web", refresh_token: tokens.refresh_token });
    assert.equal((await fetch(`${REALM}/protocol/openid-connect/logout`, { method: "POST", body: form })).status, 204);
    assert.equal((await refresh(tokens.refresh_token, "crewup-web")).body.error, "invalid_grant");
  }],
  ["SyncUsers brings new, renamed, promoted and disabled accounts, and notes who is gone", async () => {
    const { goneCount: before } = await sync();
    const [fresh, renamed, disabled, gone] = await Promise.all(["fresh", "renamed", "disabled", "gone"].map((kind) => enrol(`${kind}-${run}`)));
    await enrol(`unverified-${run}`, { emailVerified: false });
    const wouldBe = await sync({ dryRun: true });
    assert.equal(wouldBe.createdCount, 4);
    const first = await sync();
    assert.deepEqual([first.createdCount, first.goneCount, first.resumeToken], [4, before, ""]);
    await sleep(1000 - (Date.now() % 1000) + 50); // A run follows what is newer by a second (U2).
    await master.good("PUT", `/users/${renamed}`, { firstName: "Other" });
    await role("POST", fresh, "moderator");
    await master.good("PUT", `/users/${disabled}`, { enabled: false });
    await master.good("DELETE", `/users/${gone}`);
    const second = await sync();
    const { createdCount, updatedCount, disabledCount, goneCount } = second;
    assert.deepEqual([createdCount, updatedCount, disabledCount, goneCount], [0, 2, 1, before + 1]);
    await master.good("PUT", `/users/${disabled}`, { enabled: true });
    await sync();
    const judge = as((await signInByPassword("mod")).access_token);
    const found = await judge.user.searchUsers({ query: "Other Comer" });
    assert.equal(found.users[0]?.firstName, "Other");
    const token = (await signInByPassword(`disabled-${run}`, STRONG)).access_token;
    assert.equal((await me(token)).state, 1, "active again with its account");
  }],
  ["a ban disables the account and ends its sessions, until the unban", async () => {
    made.tokens = await signIn(await visitor(), made.name, STRONG);
    const judge = as((await signInByPassword("mod")).access_token);
    await judge.moderation.banUser({ userId: made.userId, reason: "to see the account", violation: moderation.Violation.OTHER });
    assert.equal(await reasonOf(me(made.tokens.access_token)), "USER_BANNED");
    await until("disabled", async () => !(await account(made.id)).enabled);
    await until("signed out", async () => (await refresh(made.tokens.refresh_token, "crewup-web")).status === 400);
    assert.equal((await grant({ grant_type: "password", client_id: "crewup-cli", username: made.name, password: STRONG })).body.error, "invalid_grant");
    await sync();
    await judge.moderation.unbanUser({ userId: made.userId });
    await until("enabled", async () => (await account(made.id)).enabled);
    const back = await signInByPassword(made.name, STRONG);
    assert.equal((await me(back.access_token)).state, 1, "the profile was not put aside for it");
    assert.equal((await account(made.id)).firstName, "Renamed", "nothing else of the account was changed");
  }],
  ["an erasure deletes the account", async () => {
    const { access_token: token } = await signInByPassword(made.name, STRONG);
    await as(token).user.eraseMe({ userId: made.userId });
    assert.equal(await reasonOf(me(token)), "USER_ERASED");
    await until("deleted", async () => (await master.ask("GET", `/users/${made.id}`)).status === 404);
    await until("no order is left", async () => (await waiting()) === 0);
  }],
  ["who guesses passwords is kept out, the right one included", async () => {
    const name = `guessed-${run}`;
    await enrol(name);
    const attempt = (password) => grant({ grant_type: "password", client_id: "crewup-cli", username: name, password });
    for (let turn = 0; turn < 12; turn += 1) assert.notEqual((await attempt("wrong password")).status, 200);
    assert.notEqual((await attempt(STRONG)).status, 200);
  }],
];

// Orders to Keycloak that are not carried out yet.
async function waiting() {
  const text = await (await fetch(`${USER_PLAIN}/metrics`)).text();
  const line = text.split("\n").find((line) => line.startsWith("crewup_accounts_waiting{"));
  return line ? Number(line.split(" ").at(-1)) : NaN;
}

let failed = 0;
for (const [name, body] of tests) {
  const began = Date.now();
  try {
    await body();
    console.log(`ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await browser.close();
app.close();
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
