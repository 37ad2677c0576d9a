// Keycloak as the tests use it: its sign-in pages in a browser, its token endpoint, its Admin API.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";

export const { CREWUP_KEYCLOAK_URL: KEYCLOAK = "http://127.0.0.1:8180", CREWUP_WEB_ORIGIN: WEB = "http://localhost:5173" } = process.env;
export const REALM = `${KEYCLOAK}/realms/crewup`;
export const PASSWORD = "crewup";
const OIDC = `${REALM}/protocol/openid-connect`;

// What a token says.
export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
export const header = (token) => JSON.parse(Buffer.from(token.split(".")[0], "base64url"));

// The token endpoint: {status, body}.
export async function grant(form, realm = REALM) {
  const answer = await fetch(`${realm}/protocol/openid-connect/token`, { method: "POST", body: new URLSearchParams(form) });
  return { status: answer.status, body: await answer.json() };
}

// Tokens by password, as ./dev token does.
export async function signInByPassword(username, password = PASSWORD, client = "crewup-cli") {
  const { status, body } = await grant({ grant_type: "password", client_id: client, username, password, scope: "openid" });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

export const refresh = (token, client) => grant({ grant_type: "refresh_token", client_id: client, refresh_token: token });

export const service = (client) => grant({ grant_type: "client_credentials", client_id: client, client_secret: "crewup_dev_secret" });

// Where a sign-in begins, and the secret with which its code is redeemed.
export function authorization(changes = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const query = {
    client_id: "crewup-web",
    redirect_uri: `${WEB}/`,
    response_type: "code",
    scope: "openid",
    state: randomBytes(8).toString("hex"),
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...changes,
  };
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return { url: `${OIDC}/auth?${new URLSearchParams(given)}`, verifier };
}

// What a page that was sent back to the app brings: the tokens.
export async function redeem(page, verifier) {
  await page.waitForURL(`${WEB}/**`, { timeout: 20_000 });
  const code = new URL(page.url()).searchParams.get("code");
  assert.ok(code, page.url());
  const form = { grant_type: "authorization_code", client_id: "crewup-web", code, redirect_uri: `${WEB}/` };
  const { status, body } = await grant({ ...form, code_verifier: verifier });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

// Signs in on Keycloak's own page.
export async function signIn(page, username, password) {
  const { url, verifier } = authorization();
  await page.goto(url);
  await page.fill("#username", username);
  await page.fill("#password", password);
  await page.click("#kc-login");
  return redeem(page, verifier);
}

// The Admin API, with a token of `token()`.
export function adminApi(token) {
  const ask = async (method, path, body) => {
    const answer = await fetch(`${KEYCLOAK}/admin/realms/crewup${path}`, {
      method,
      headers: { authorization: `Bearer ${await token()}`, ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : undefined };
  };
  return {
    ask,
    async good(method, path, body) {
      const answer = await ask(method, path, body);
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
  };
}
