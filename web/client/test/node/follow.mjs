// Follows a chat through a real edge and prints each entry's number and each state, a line each, up to a number. Run by the
// Rust tests, which kill replicas meanwhile. Needs `npm run build`.
//
//   CREWUP_TOKEN     an access token of a member
//   CREWUP_GROUP     the crew
//   CREWUP_UNTIL     the number after which it ends
//   CREWUP_EDGE_URL  the edge
import { createCrewUp, liveChat } from "../../dist/index.js";

const { CREWUP_TOKEN: token, CREWUP_GROUP: groupId, CREWUP_UNTIL: until, CREWUP_EDGE_URL: baseUrl } = process.env;
const say = (line) => process.stdout.write(`${line}\n`);

const chat = liveChat(createCrewUp({ baseUrl, token }), {
  groupId,
  afterSequence: 0n,
  heartbeatSeconds: 5,
  onState: (state) => state !== "ended" && say(state),
});
for await (const change of chat) {
  if (change.kind !== "entry") continue;
  say(change.entry.sequence);
  if (change.entry.sequence >= BigInt(until)) break;
}
