import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import ts from "typescript";

import { ErrorReason } from "../../dist/gen/crewup/common/v1/error_reason_pb.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const file = `${root}test/unit/checked.ts`;

const parsed = new Map();

/** What the compiler has against a text. */
function problems(text) {
  const options = {
    ...ts.parseJsonConfigFileContent(JSON.parse(readFileSync(`${root}tsconfig.json`, "utf8")), ts.sys, root).options,
    noEmit: true,
    rootDir: root,
    paths: { "@crewup/client": [`${root}dist/index.d.ts`] },
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.readFile = (name) => (name === file ? text : readFile(name));
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) => {
    if (name === file) return ts.createSourceFile(file, text, ts.ScriptTarget.ES2022);
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, ...rest));
    return parsed.get(name);
  };
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

const reasons = Object.keys(ErrorReason).filter((name) => Number.isNaN(Number(name)) && name !== "UNSPECIFIED");
const exhaustive = (cases) => `
import { refusal } from "@crewup/client";
export function text(error: unknown): string {
  const { reason } = refusal(error);
  switch (reason) {
    ${cases.map((name) => `case ${JSON.stringify(name)}:`).join("\n    ")}
      return reason;
    default:
      return reason satisfies never;
  }
}
`;

test("a switch over every reason of the contract is exhaustive", () => {
  assert.deepEqual(problems(exhaustive([...reasons, "UNKNOWN", ""])), []);
});

test("a switch that leaves one out, or names one that is not there, does not compile", () => {
  assert.match(problems(exhaustive(["", "UNKNOWN", ...reasons.slice(1)])).join(), /INVALID_FIELDS/);
  assert.match(problems(exhaustive(["", "UNKNOWN", ...reasons, "NO_SUCH"])).join(), /NO_SUCH/);
});

test("the helpers are typed: pages by their call, changes by their kind", () => {
  const head = `import { type CrewUp, items, liveAlerts, liveChat } from "@crewup/client";\ndeclare const crewup: CrewUp;\n`;
  assert.deepEqual(problems(`${head}
    for await (const one of items(crewup.event.listEvents, { pageSize: 5, filter: { creatorId: "x" } }, (page) => page.events)) one.name satisfies string;
    for await (const one of items(crewup.group.listMembers, { groupId: "x" }, (page) => page.members)) one.userId satisfies string;
    for await (const change of liveChat(crewup, { groupId: "x", afterSequence: 0n })) {
      if (change.kind === "entry") change.entry.sequence satisfies bigint;
      else if (change.kind === "typing") change.typing.person?.firstName satisfies string | undefined;
      else change.sequence satisfies bigint;
    }
    for await (const change of liveAlerts(crewup)) if (change.kind === "changed") change.state.publishCount satisfies number;
    export {};
  `), []);
  const wrong = [
    "items(crewup.event.listEvents, { pageSize: 'five' }, (page) => page.events);",
    "items(crewup.event.listEvents, { nope: 1 }, (page) => page.events);",
    "items(crewup.group.listMessages, { groupId: 'x' }, (page) => page.entries);",
    "items(crewup.event.listEvents, {}, (page) => page.groups);",
    "liveChat(crewup, { afterSequence: 0n });",
  ];
  for (const line of wrong) assert.notDeepEqual(problems(`${head}${line}\nexport {};`), [], line);
});

/** Every example of the README, and what it takes from its surroundings. */
test("the examples of the README compile", () => {
  const blocks = [...readFileSync(`${root}README.md`, "utf8").matchAll(/^```ts\n(.*?)^```$/gms)];
  assert.equal(blocks.length, 5);
  const given = `
    import type { CrewUp as GivenCrewUp } from "@crewup/client";
    declare global {
      const session: { accessToken(): Promise<string> };
      const crewup: GivenCrewUp;
      const eventId: string;
      const groupId: string;
      const userId: string;
    }
  `;
  for (const [, block] of blocks) assert.deepEqual(problems(`${given}${block}`), []);
});
