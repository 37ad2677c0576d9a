// What the edge is tested against: an upstream that speaks gRPC, an Envoy process, and raw calls in three dialects.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = dirname(dirname(fileURLToPath(import.meta.url)));
export const ENVOY = join(HERE, "..", ".tools", "bin", "envoy");
// The address of a service that is not there.
export const AWAY = "127.0.0.1:1";
const CONTENT_TYPE = "content-type";

export const frame = (bytes) => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((done) => {
      const server = net.createServer().listen(0, "127.0.0.1", () => done(server));
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

// A gRPC server over h2c. `answer(stream, headers, body)` decides what a call gets; health is always SERVING.
export async function upstream() {
  const fake = { seen: [], healthy: true, answer: succeed };
  const server = http2.createServer();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      const path = headers[":path"];
      if (path === "/grpc.health.v1.Health/Check") {
        if (fake.healthy) succeed(stream, headers, frame(Buffer.from([8, 1])));
        return;
      }
      const body = Buffer.concat(chunks);
      fake.seen.push({ path, headers, body });
      fake.answer(stream, headers, body);
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  fake.port = server.address().port;
  fake.calls = (path) => fake.seen.filter((call) => call.path.startsWith(path)).length;
  fake.reset = () => {
    fake.seen.length = 0;
    fake.answer = succeed;
  };
  return fake;
}

export function succeed(stream, _headers, message = frame(Buffer.alloc(0))) {
  stream.respond({ ":status": 200, [CONTENT_TYPE]: "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(message.subarray(0, 5).length === 5 ? message : frame(Buffer.alloc(0)));
}

export const refuse = (code, details = "") => (stream) =>
  stream.respond(
    {
      ":status": 200,
      [CONTENT_TYPE]: "application/grpc",
      "grpc-status": String(code),
      "grpc-message": "no",
      ...(details && { "grpc-status-details-bin": details }),
    },
    { endStream: true },
  );

// Renders with these variables, optionally changes the text, and starts Envoy. `calls(path)` in three dialects.
export async function edge(env, change = (text) => text) {
  const [plain, secure, ops, admin] = await freePorts(4);
  const out = mkdtempSync(join(tmpdir(), "edge-"));
  const variables = {
    PATH: process.env.PATH,
    CREWUP_EDGE_PORT: plain,
    CREWUP_EDGE_TLS_PORT: secure,
    CREWUP_EDGE_OPS_PORT: ops,
    CREWUP_EDGE_ADMIN_PORT: admin,
    ...env,
  };
  execFileSync(join(HERE, "render.py"), ["--out", out], { env: variables });
  const file = join(out, "envoy.yaml");
  writeFileSync(file, change(readFileSync(file, "utf8")));
  const log = [];
  const child = spawn(ENVOY, ["-c", file, "-l", "warn", "--disable-hot-restart", "--concurrency", "1"]);
  child.stdout.on("data", (data) => log.push(data.toString()));
  child.stderr.on("data", (data) => log.push(data.toString()));
  const base = `http://127.0.0.1:${ops}`;
  // Ready is said before the services were looked at; one that is away is never found well.
  const there = Object.entries(variables).filter(([name, value]) => /^CREWUP_[A-Z]+_ADDR$/.test(name) && value !== AWAY);
  const healthy = async () => {
    const stats = await (await fetch(`http://127.0.0.1:${admin}/stats?format=json&filter=membership_`)).json();
    const figures = Object.fromEntries(stats.stats.map(({ name, value }) => [name, value]));
    const figure = (name, what) => figures[`cluster.${name.split("_")[1].toLowerCase()}.membership_${what}`];
    return there.every(([name]) => figure(name, "total") > 0 && figure(name, "healthy") === figure(name, "total"));
  };
  for (let tries = 0; ; tries += 1) {
    if (child.exitCode !== null || tries > 400) throw new Error(`Envoy did not start:\n${log.join("")}`);
    try {
      if ((await fetch(`${base}/readyz`)).ok && (await healthy())) break;
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  const stop = () => new Promise((done) => {
    child.on("exit", done);
    child.kill("SIGTERM");
  });
  return { plain, secure, ops: base, log, stop };
}

// An HTTP/1.1 request.
export const request = (port, path, { method = "POST", headers = {}, body } = {}) =>
  new Promise((done, fail) => {
    const call = http.request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
      answer.on("error", fail);
    });
    call.on("error", fail);
    call.end(body);
  });

// A grpc-web call as a browser's; `grpc` is the status wherever it stands, in the headers or in the trailer frame.
export async function web(port, path, headers = {}, body = Buffer.alloc(0)) {
  const answer = await request(port, path, {
    headers: { [CONTENT_TYPE]: "application/grpc-web+proto", "x-grpc-web": "1", ...headers },
    body: frame(body),
  });
  const trailer = /grpc-status:\s*(\d+)/.exec(answer.body.toString("latin1"));
  return { ...answer, grpc: Number(answer.headers["grpc-status"] ?? trailer?.[1]) };
}

// A native gRPC call.
export const native = (target, path, headers = {}, options = {}) =>
  new Promise((done, fail) => {
    const session = http2.connect(target, { rejectUnauthorized: false, ...options });
    session.on("error", fail);
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      [CONTENT_TYPE]: "application/grpc",
      te: "trailers",
      ...headers,
    });
    const seen = {};
    stream.on("response", (head) => Object.assign(seen, head));
    stream.on("trailers", (trailers) => Object.assign(seen, trailers));
    stream.on("error", fail);
    stream.on("data", () => {});
    stream.on("end", () => {
      const { alpnProtocol } = session;
      session.close();
      done({ headers: seen, status: seen[":status"], grpc: Number(seen["grpc-status"]), alpnProtocol });
    });
    stream.end(options.body ?? frame(Buffer.alloc(0)));
  });

// The reason in a grpc-status-details-bin header.
export const reason = (headers) => {
  const text = Buffer.from(headers["grpc-status-details-bin"] ?? "", "base64").toString("latin1");
  return /([A-Z][A-Z_]+[A-Z])\x12\x06crewup/.exec(text)?.[1];
};
