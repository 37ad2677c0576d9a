import { type Client, type Interceptor, type Transport, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";

import { EventService } from "./gen/crewup/event/v1/event_service_pb.js";
import { GroupService } from "./gen/crewup/group/v1/group_service_pb.js";
import { ModerationService } from "./gen/crewup/moderation/v1/moderation_service_pb.js";
import { SafetyService } from "./gen/crewup/safety/v1/safety_service_pb.js";
import { UserService } from "./gen/crewup/user/v1/user_service_pb.js";
import { fillRequestId } from "./request-id.js";
import { retry } from "./retry.js";
import { type Time, realTime, untilAborted } from "./time.js";

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
  /**
   * The access token, or what gives the present one; asked before every call and every opening of a stream, once for a call
   * and its retries. It travels in a header only (C7). What it throws, the call throws.
   */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>);
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
  /**
   * Milliseconds that a unary call has, its retries included; then it fails with `Code.DeadlineExceeded`. Default 10,000; 0:
   * no limit. `timeoutMs` of a single call wins. Streams have none.
   */
  readonly timeoutMs?: number;
  /** How often a call that is safe to repeat is tried at most. Default 4; 1: never again. */
  readonly attempts?: number;
  /** For tests: instead of the real clock, timers and chance. The deadline itself stays real. */
  readonly time?: Time;
}

/** Clients of all services over one transport, grpc-web. */
export function createCrewUp(options: Options): CrewUp {
  const { baseUrl, token, fetch, timeoutMs = 10_000, attempts = 4, time = realTime } = options;
  /** Neither a token that never comes nor a `fetch` that does not listen keeps a call beyond its end. */
  const punctual: Interceptor = (next) => (request) => untilAborted(next(request), request.signal);
  const authorize: Interceptor = (next) => async (request) => {
    const present = typeof token === "function" ? await token() : token;
    if (present) request.header.set("authorization", `Bearer ${present}`);
    return next(request);
  };
  const inner = createGrpcWebTransport({
    baseUrl,
    interceptors: [punctual, fillRequestId, authorize, retry(attempts, time)],
    ...(fetch && { fetch }),
  });
  const transport: Transport = {
    unary: (method, signal, limit, ...rest) => inner.unary(method, signal, limit ?? timeoutMs, ...rest),
    stream: (...call) => inner.stream(...call),
  };
  const clients = Object.entries(SERVICES).map(([name, service]) => [name, createClient(service, transport)]);
  return Object.fromEntries(clients) as CrewUp;
}
