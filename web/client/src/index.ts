import { type Client, Code, ConnectError, type Interceptor, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { EventService } from "./gen/crewup/event/v1/event_service_pb.js";
import { GroupService } from "./gen/crewup/group/v1/group_service_pb.js";
import { ModerationService } from "./gen/crewup/moderation/v1/moderation_service_pb.js";
import { SafetyService } from "./gen/crewup/safety/v1/safety_service_pb.js";
import { UserService } from "./gen/crewup/user/v1/user_service_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

export { create } from "@bufbuild/protobuf";
export { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
export { Code, ConnectError } from "@connectrpc/connect";
// Each contract by its name: several have a Person and an Invitation.
export * as event from "./contracts/event.js";
export * as group from "./contracts/group.js";
export * as moderation from "./contracts/moderation.js";
export * as safety from "./contracts/safety.js";
export * as user from "./contracts/user.js";

const SERVICES = {
  event: EventService,
  group: GroupService,
  user: UserService,
  safety: SafetyService,
  moderation: ModerationService,
} as const;

/** A typed client of each service. */
export type CrewUp = { readonly [Name in keyof typeof SERVICES]: Client<(typeof SERVICES)[Name]> };

export interface Options {
  /** The edge, such as `https://api.example.org`. */
  readonly baseUrl: string;
  /** The access token, or what gives the present one; asked before every call. It travels in a header only (C7). */
  readonly token?: string | (() => string | Promise<string>);
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Clients of all services over one transport, grpc-web. Calls have no time limit of their own: the edge has one. */
export function createCrewUp({ baseUrl, token, fetch }: Options): CrewUp {
  const authorize: Interceptor = (next) => async (request) => {
    const present = typeof token === "function" ? await token() : token;
    if (present) request.header.set("authorization", `Bearer ${present}`);
    return next(request);
  };
  const transport = createGrpcWebTransport({
    baseUrl,
    interceptors: [authorize],
    ...(fetch && { fetch }),
  });
  const clients = Object.entries(SERVICES).map(([name, service]) => [name, createClient(service, transport)]);
  return Object.fromEntries(clients) as CrewUp;
}

/** A field that the request got wrong. */
export interface FieldProblem {
  /** Its path, such as `event.name`. */
  readonly field: string;
  /** What is wrong with it, for machines. May be empty. */
  readonly reason: string;
  /** What is wrong with it, for people. */
  readonly description: string;
}

/** Why a call failed. */
export interface Refusal {
  readonly code: Code;
  /** The stable reason of the contract (`ErrorReason`), such as `EVENT_FULL`. Empty: none was given. */
  readonly reason: string;
  readonly fields: readonly FieldProblem[];
  /** After how long another try makes sense. */
  readonly retryAfterMs?: number;
}

/** Reads the typed details of an error. What is not an error of a call has code `Unknown` and no reason. */
export function errorReason(error: unknown): Refusal {
  const failure = ConnectError.from(error);
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    code: failure.code,
    reason: failure.findDetails(ErrorInfoSchema)[0]?.reason ?? "",
    fields: failure
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations)
      .map(({ field, reason, description }) => ({ field, reason, description })),
    ...(delay && { retryAfterMs: Number(delay.seconds) * 1000 + delay.nanos / 1_000_000 }),
  };
}
