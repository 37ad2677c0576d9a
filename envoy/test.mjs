// The edge's configuration against the real Envoy. `node envoy/test.mjs`, after envoy/install.sh.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { AWAY, ENVOY, HERE, edge, frame, freePorts, native, reason, refuse, request, sleep, succeed, upstream, web } from "./test/fake.mjs";

const ORIGIN = "http://localhost:5173";
const READ = "/crewup.event.v1.EventService/GetEvent";
const WRITE = "/crewup.event.v1.EventService/CreateEvent";
const UNSAFE = "/crewup.event.v1.EventService/UpdateEvent";
const STREAM = "/crewup.event.v1.EventService/WatchEvents";
const OTHER = "/crewup.user.v1.UserService/GetMe";
const INTERNAL = "/crewup.user.internal.v1.UserInternalService/EnsureUser";

const tests = [];
const test = (name, body) => tests.push([name, body]);

const event = await upstream();
const user = await upstream();
const collector = await upstream();
const services = {
  CREWUP_EVENT_ADDR: `127.0.0.1:${event.port}`,
  CREWUP_USER_ADDR: `127.0.0.1:${user.port}`,
  CREWUP_EDGE_ORIGINS: `${ORIGIN},https://app.crewup.example`,
};
const dev = await edge({ ...services, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}` });
const running = [dev];
const another = async (env, change) => {
  const made = await edge({ ...services, ...env }, change);
  running.push(made);
  return made;
};

const scratch = mkdtempSync(join(tmpdir(), "edge-"));
const validated = (env, name) => {
  const out = join(scratch, name);
  execFileSync(join(HERE, "render.py"), ["--out", out], { env: { PATH: process.env.PATH, ...env } });
  const run = spawnSync(ENVOY, ["--mode", "validate", "-c", join(out, "envoy.yaml"), "-l", "warn"], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout + run.stderr, /OK/);
  assert.doesNotMatch(run.stderr, /warning|Deprecated/i);
};

test("the development rendering is valid, without a warning", () => validated({}, "dev"));
test("the rendering with a collector is valid", () =>
  validated({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel:4317" }, "otlp"));
test("the rendering without reflection is valid", () => validated({ CREWUP_REFLECTION: "off" }, "closed"));
test("the list of calls is what the contracts say", () => execFileSync(join(HERE, "calls.py"), ["--check"]));

test("the renderer refuses what Helm would read otherwise", () => {
  const code = "import sys, template\nprint(template.render(sys.argv[1], {'a': {'b': 1}, 'l': [1, 2], 'z': 0}))";
  const render = (text) => spawnSync("python3", ["-c", code, text], { cwd: HERE, encoding: "utf8" });
  assert.equal(render("{{ .a.b }}{{- range .l }}\n{{ . }}{{ $.a.b }}{{- else }}no{{- end }}{{- if .z }}y{{- else }}n{{- end }}").stdout, "1\n11\n21n\n");
  for (const wrong of ["{{ .missing }}", "{{ .a | quote }}", "{{- if .a }}", "{{- end }}", "{{.a}}", "{{ include }}", "{{- range $i, $v := .l }}{{- end }}"]) {
    assert.notEqual(render(wrong).status, 0, wrong);
  }
});

test("a preflight of our own origin is answered with what a browser needs", async () => {
  const answer = await request(dev.plain, READ, {
    method: "OPTIONS",
    headers: { origin: ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type,x-grpc-web" },
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["access-control-allow-origin"], ORIGIN);
  assert.equal(answer.headers["access-control-allow-methods"], "POST");
  for (const name of ["authorization", "content-type", "x-grpc-web", "grpc-timeout", "traceparent"]) {
    assert.ok(answer.headers["access-control-allow-headers"].split(",").includes(name), name);
  }
  assert.ok(Number(answer.headers["access-control-max-age"]) > 0);
  assert.equal(answer.headers["x-content-type-options"], "nosniff", "headers reach local replies");
  assert.equal(event.seen.length, 0, "the preflight stays at the edge");
});

test("a foreign origin is given nothing, in the preflight and in the call", async () => {
  for (const origin of ["https://evil.example", "http://localhost:5174", `${ORIGIN}.evil.example`, "null"]) {
    const headers = { origin, "access-control-request-method": "POST" };
    const preflight = await request(dev.plain, READ, { method: "OPTIONS", headers });
    assert.equal(preflight.headers["access-control-allow-origin"], undefined, origin);
    const call = await web(dev.plain, READ, { origin });
    assert.equal(call.headers["access-control-allow-origin"], undefined, origin);
  }
});

test("grpc-web reaches the service as gRPC, and its trailers come back in the body", async () => {
  const answer = await web(dev.plain, READ, { origin: ORIGIN, authorization: "Bearer abc" }, Buffer.from("hi"));
  assert.equal(answer.status, 200);
  assert.equal(answer.grpc, 0);
  assert.match(answer.headers["content-type"], /^application\/grpc-web/);
  const [call] = event.seen;
  assert.equal(call.headers["content-type"], "application/grpc");
  assert.equal(call.headers.authorization, "Bearer abc");
  assert.deepEqual(call.body, frame(Buffer.from("hi")));
});

test("text encoded grpc-web works too", async () => {
  const answer = await request(dev.plain, READ, {
    headers: { "content-type": "application/grpc-web-text", accept: "application/grpc-web-text" },
    body: frame(Buffer.from("hi")).toString("base64"),
  });
  const parts = answer.body.toString().match(/[^=]+=*/g).map((part) => Buffer.from(part, "base64").toString("latin1"));
  assert.match(parts.join(""), /grpc-status:\s*0/);
});

test("an error's status, text and details are exposed to the page", async () => {
  event.answer = refuse(5, "CAU");
  const answer = await web(dev.plain, READ, { origin: ORIGIN });
  assert.equal(answer.grpc, 5);
  assert.equal(answer.headers["grpc-message"], "no");
  assert.equal(answer.headers["grpc-status-details-bin"], "CAU");
  assert.equal(answer.headers["access-control-allow-origin"], ORIGIN);
  const exposed = answer.headers["access-control-expose-headers"].split(",");
  for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]) assert.ok(exposed.includes(name), name);
});

test("native gRPC passes over h2c, and over TLS as h2", async () => {
  for (const target of [`http://127.0.0.1:${dev.plain}`, `https://127.0.0.1:${dev.secure}`]) {
    const answer = await native(target, READ);
    assert.equal(answer.grpc, 0);
  }
  assert.equal((await native(`https://127.0.0.1:${dev.secure}`, READ)).alpnProtocol, "h2");
});

test("internal calls, health and unknown paths are not routed", async () => {
  const paths = [INTERNAL, INTERNAL.toUpperCase(), "/grpc.health.v1.Health/Check", "/crewup.event.v1.OtherService/Get", `${READ}X`, `${READ}/x`, "/", "/crewup.event.v1.EventService",
    "/crewup.event.v1.EventService/../../crewup.user.internal.v1.UserInternalService/EnsureUser", "//crewup.user.internal.v1.UserInternalService/EnsureUser"];
  for (const path of paths) {
    const page = await web(dev.plain, path, { origin: ORIGIN });
    assert.equal(page.status, 200, path);
    assert.equal(page.grpc, 12, path);
    assert.equal(reason(page.headers), "UNKNOWN_CALL", path);
    assert.equal(page.headers["access-control-allow-origin"], ORIGIN, "a page can read why");
    const grpc = await native(`http://127.0.0.1:${dev.plain}`, path);
    assert.equal(grpc.grpc, 12, path);
    const plain = await request(dev.plain, path, { method: "GET" });
    assert.equal(plain.status, 404, path);
    assert.equal(plain.headers["grpc-status"], undefined);
  }
  assert.equal((await request(dev.plain, "/crewup.event.v1.EventService%2F..%2Fx", { method: "GET" })).status, 400);
  assert.equal(user.seen.length + event.seen.length, 0);
});

test("what is no gRPC is the caller's mistake, and not INTERNAL", async () => {
  const headers = { "content-type": "application/grpc-web-text", origin: ORIGIN };
  const bad = await request(dev.plain, READ, { headers, body: "not base64!" });
  assert.equal(bad.headers["grpc-status"], "3");
  assert.equal(reason(bad.headers), "MALFORMED_REQUEST");
  for (const type of ["application/grpc", "application/grpc-web+proto"]) {
    const path = await request(dev.plain, "/%00/../..", { headers: { "content-type": type } });
    assert.equal(path.headers["grpc-status"], "3", type);
    assert.equal(reason(path.headers), "MALFORMED_REQUEST", type);
  }
});

test("reflection is routed in development only", async () => {
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  assert.equal((await native(`http://127.0.0.1:${dev.plain}`, path)).grpc, 0);
  assert.equal(event.calls("/grpc.reflection."), 1);
  const closed = await another({ CREWUP_REFLECTION: "off" });
  assert.equal((await native(`http://127.0.0.1:${closed.plain}`, path)).grpc, 12);
  assert.equal(event.calls("/grpc.reflection."), 1);
});

test("nobody speaks for a service, or steers the proxy, from outside", async () => {
  await web(dev.plain, READ, {
    "x-crewup-user-token": "stolen",
    "X-CrewUp-Anything": "1",
    "x-envoy-retry-on": "5xx",
    "x-envoy-upstream-rq-timeout-ms": "1",
    cookie: "a=b",
    "x-forwarded-for": "9.9.9.9",
    "x-kept": "yes",
  });
  const names = Object.keys(event.seen[0].headers);
  assert.deepEqual(names.filter((name) => /^x-(crewup|envoy)|^cookie/.test(name)), []);
  assert.equal(event.seen[0].headers["x-kept"], "yes");
});

test("a request id is the edge's own and is told to the caller", async () => {
  const answer = await web(dev.plain, READ, { "x-request-id": "mine" });
  assert.match(answer.headers["x-request-id"], /^[0-9a-f-]{36}$/);
  assert.equal(event.seen[0].headers["x-request-id"], answer.headers["x-request-id"]);
});

test("a trace goes on from the page through the edge to the service, and to the collector", async () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const parent = `00-${trace}-b7ad6b7169203331-01`;
  await web(dev.plain, READ, { traceparent: parent, tracestate: "a=b" });
  const seen = event.seen[0].headers;
  assert.match(seen.traceparent, new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
  assert.notEqual(seen.traceparent, parent, "the edge's span is the parent");
  assert.equal(seen.tracestate, "a=b");
  const exported = () => collector.seen.some(
    ({ path, body }) => path === "/opentelemetry.proto.collector.trace.v1.TraceService/Export" && body.includes(Buffer.from(trace, "hex")),
  );
  for (let tries = 0; tries < 150 && !exported(); tries += 1) await sleep(100);
  assert.ok(exported());
});

test("without a collector the trace context passes as it is", async () => {
  const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const quiet = await another({});
  await web(quiet.plain, READ, { traceparent: parent });
  assert.equal(event.seen[0].headers.traceparent, parent);
});

test("too many calls from one address: RESOURCE_EXHAUSTED with a reason, not retried, another service unharmed", async () => {
  const tight = await another({ CREWUP_EDGE_RATE: "1", CREWUP_EDGE_BURST: "3" });
  const answers = [];
  for (let n = 0; n < 6; n += 1) answers.push(await web(tight.plain, READ, { origin: ORIGIN }));
  const refused = answers.filter((answer) => answer.grpc === 8);
  assert.deepEqual(answers.slice(0, 3).map((answer) => answer.grpc), [0, 0, 0]);
  assert.ok(refused.length >= 2, answers.map((answer) => answer.grpc).join());
  assert.equal(event.calls(READ), answers.length - refused.length);
  for (const answer of refused) {
    assert.equal(answer.status, 200);
    assert.match(answer.headers["content-type"], /^application\/grpc-web/);
    assert.equal(reason(answer.headers), "RATE_LIMITED");
    assert.equal(answer.headers["access-control-allow-origin"], ORIGIN);
    assert.match(answer.headers["access-control-expose-headers"], /grpc-status-details-bin/);
    assert.equal(answer.headers["x-content-type-options"], "nosniff");
  }
  const grpc = await native(`http://127.0.0.1:${tight.plain}`, READ);
  assert.equal(grpc.grpc, 8);
  assert.equal(reason(grpc.headers), "RATE_LIMITED");
  assert.equal((await web(tight.plain, OTHER)).grpc, 0, "every service has a bucket of its own");
});

test("only calls that the contract marks as safe are tried again", async () => {
  event.answer = refuse(14);
  for (const [path, tries] of [[READ, 3], [WRITE, 3], [UNSAFE, 1], [STREAM, 1]]) {
    assert.equal((await web(dev.plain, path)).grpc, 14, path);
    assert.equal(event.calls(path), tries, path);
  }
});

test("a safe call that fails once succeeds for the caller", async () => {
  let first = true;
  event.answer = (stream, headers) => {
    (first ? refuse(14) : succeed)(stream, headers);
    first = false;
  };
  assert.equal((await web(dev.plain, READ)).grpc, 0);
  assert.equal(event.calls(READ), 2);
});

test("a replica that stands still loses no read", async () => {
  const frozen = await upstream();
  const endpoint = (port) => `        - endpoint:\n            address:\n              socket_address: {address: "127.0.0.1", port_value: ${port}}\n`;
  const two = await another({}, (text) => {
    assert.ok(text.includes(endpoint(event.port)));
    return text.replace(endpoint(event.port), endpoint(event.port) + endpoint(frozen.port));
  });
  for (let n = 0; n < 8; n += 1) await web(two.plain, READ);
  assert.ok(frozen.calls(READ) > 0, "both replicas take calls");
  frozen.healthy = false;
  frozen.answer = () => {};
  const answers = await Promise.all(Array.from({ length: 30 }, () => web(two.plain, READ)));
  assert.deepEqual(answers.filter((answer) => answer.grpc !== 0), []);
});

test("a call's own deadline counts, up to a maximum", async () => {
  event.answer = () => {};
  const started = Date.now();
  const answer = await web(dev.plain, UNSAFE, { "grpc-timeout": "300m", origin: ORIGIN });
  assert.equal(answer.grpc, 4);
  assert.equal(reason(answer.headers), "DEADLINE_EXCEEDED");
  assert.ok(Date.now() - started < 3000);
  assert.equal(event.seen[0].headers["grpc-timeout"], "300m", "the service is told");
});

test("a message of 1 MiB passes, more than its frame does not", async () => {
  const MIB = 1024 * 1024;
  assert.equal((await web(dev.plain, READ, {}, Buffer.alloc(MIB))).grpc, 0);
  const large = await web(dev.plain, READ, { origin: ORIGIN }, Buffer.alloc(MIB + 4096));
  assert.equal(large.grpc, 8);
  assert.equal(reason(large.headers), "REQUEST_TOO_LARGE");
  const grpc = await native(`http://127.0.0.1:${dev.plain}`, READ, {}, { body: frame(Buffer.alloc(MIB + 4096)) });
  assert.equal(grpc.grpc, 8);
});

test("a service that is away is UNAVAILABLE at once, with a reason", async () => {
  const alone = await another({ CREWUP_EVENT_ADDR: AWAY });
  const started = Date.now();
  const answer = await web(alone.plain, UNSAFE, { origin: ORIGIN });
  assert.equal(answer.grpc, 14);
  assert.equal(reason(answer.headers), "DEPENDENCY_UNAVAILABLE");
  assert.ok(Date.now() - started < 2000);
  assert.equal((await web(alone.plain, OTHER)).grpc, 0, "the others go on");
});

test("a service that says it is not healthy gets no calls", async () => {
  const sick = await upstream();
  const careful = await another({ CREWUP_EVENT_ADDR: `127.0.0.1:${sick.port}` });
  assert.equal((await web(careful.plain, READ)).grpc, 0);
  sick.healthy = false;
  let last;
  for (let tries = 0; tries < 50 && last !== 14; tries += 1) {
    await sleep(200);
    last = (await web(careful.plain, UNSAFE)).grpc;
  }
  assert.equal(last, 14);
});

test("a stream's messages arrive while it is open", async () => {
  let open;
  event.answer = (stream) => {
    open = stream;
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write(frame(Buffer.from("first")));
  };
  const answer = await fetch(`http://127.0.0.1:${dev.plain}${STREAM}`, {
    method: "POST",
    headers: { "content-type": "application/grpc-web+proto" },
    body: frame(Buffer.alloc(0)),
  });
  const reader = answer.body.getReader();
  assert.match(Buffer.from((await reader.read()).value).toString("latin1"), /first/);
  open.write(frame(Buffer.from("second")));
  assert.match(Buffer.from((await reader.read()).value).toString("latin1"), /second/);
  await reader.cancel();
});

test("the access log is JSON without tokens, cookies and query strings", async () => {
  await web(dev.plain, `${READ}?access_token=SECRET1`, { authorization: "Bearer SECRET2", cookie: "s=SECRET3", referer: "http://x/?t=SECRET4" });
  const mine = () => dev.log.join("").split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  for (let tries = 0; tries < 150 && !mine().length; tries += 1) await sleep(100);
  for (let tries = 0; tries < 20; tries += 1) await sleep(100);
  assert.ok(mine().some((line) => line.path === READ && line.status === 200 && line.request_id));
  assert.doesNotMatch(dev.log.join(""), /SECRET/);
});

test("calls are counted by their real status, grpc-web too", async () => {
  event.answer = refuse(7);
  await web(dev.plain, READ);
  const metrics = await (await fetch(`${dev.ops}/metrics`)).text();
  const counter = metrics.split("\n").find((line) => line.startsWith("envoy_cluster_grpc_7{") && line.includes('"GetEvent"'));
  assert.match(counter ?? "no such counter", /envoy_grpc_bridge_service="crewup_event_v1_EventService".*\} [1-9]/);
});

test("a second edge on the same port does not start", async () => {
  const out = mkdtempSync(join(tmpdir(), "edge-"));
  const [ops, admin] = await freePorts(2);
  const env = { PATH: process.env.PATH, CREWUP_EDGE_PORT: dev.plain, CREWUP_EDGE_OPS_PORT: ops, CREWUP_EDGE_ADMIN_PORT: admin };
  execFileSync(join(HERE, "render.py"), ["--out", out], { env });
  const run = spawnSync(ENVOY, ["-c", join(out, "envoy.yaml"), "-l", "error", "--disable-hot-restart"], { encoding: "utf8", timeout: 10_000 });
  assert.equal(run.status, 1);
  assert.match(run.stderr, /Address already in use/);
});

// Connections that say nothing; how many of them were closed by the edge.
const silent = async (port, count) => {
  const sockets = Array.from({ length: count }, () => net.connect(port, "127.0.0.1").on("error", () => {}));
  await Promise.all(sockets.map((socket) => new Promise((done) => socket.on("connect", done))));
  return { closed: () => sockets.filter((socket) => socket.closed).length, end: () => sockets.forEach((socket) => socket.destroy()) };
};
const few = (text) => {
  assert.ok(text.includes("max_active_downstream_connections: 10000"));
  return text.replace("max_active_downstream_connections: 10000", "max_active_downstream_connections: 40");
};

test("where places run out, whoever has said nothing for longest loses the own one", async () => {
  const small = await another({}, (text) => {
    assert.ok(text.includes("min_timeout: 5s"));
    return few(text).replace("min_timeout: 5s", "min_timeout: 1s");
  });
  const quiet = await silent(small.plain, 15);
  for (let tries = 0; tries < 20; tries += 1) await sleep(100);
  assert.equal(quiet.closed(), 0, "there is room");
  const crowd = await silent(small.plain, 24);
  for (let tries = 0; tries < 100 && quiet.closed() < 15; tries += 1) await sleep(100);
  assert.equal(quiet.closed(), 15, "five minutes are one second");
  crowd.end();
  assert.equal((await web(small.plain, READ)).grpc, 0);
});

test("an edge that is full takes nobody else, and says that it is well", async () => {
  const full = await another({}, few);
  const crowd = await silent(full.plain, 60);
  for (let tries = 0; tries < 50 && crowd.closed() < 20; tries += 1) await sleep(100);
  assert.ok(crowd.closed() >= 20, `${crowd.closed()} of 60 were sent away`);
  assert.equal((await fetch(`${full.ops}/readyz`)).status, 200);
  assert.match(await (await fetch(`${full.ops}/metrics`)).text(), /envoy_server_live/);
  crowd.end();
});

test("of the admin interface only readiness and figures are seen", async () => {
  assert.equal((await fetch(`${dev.ops}/readyz`)).status, 200);
  for (const path of ["/config_dump", "/quitquitquit", "/stats", "/ready/../config_dump"]) {
    assert.equal((await fetch(`${dev.ops}${path}`, { method: "POST" })).status, 404, path);
  }
});

let failed = 0;
const only = process.argv[2];
const chosen = tests.filter(([name]) => !only || name.includes(only));
for (const [name, body] of chosen) {
  for (const fake of [event, user]) fake.reset();
  try {
    await body();
    console.log(`ok    ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await Promise.all(running.map((one) => one.stop()));
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed || !chosen.length ? 1 : 0);
