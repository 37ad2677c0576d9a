import { type Code, ConnectError } from "@connectrpc/connect";

import { ErrorReason } from "./gen/crewup/common/v1/error_reason_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/** A stable reason of the contract, such as `EVENT_FULL`: every one of `ErrorReason`, whose comments say what to do. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

/** A field that the request got wrong. */
export interface FieldProblem {
  /** Its path, such as `event.name`. */
  readonly field: string;
  /** What is wrong with it, for machines. May be empty. */
  readonly reason: string;
  /** What is wrong with it, for people. */
  readonly description: string;
}

/** Why a call or a stream failed. */
export interface Refusal {
  readonly code: Code;
  /**
   * The reason of the contract. `""`: none was given, as when the network failed or the time ran out here. `"UNKNOWN"`: one
   * that this client does not know, of a newer server; go by the code.
   */
  readonly reason: Reason | "UNKNOWN" | "";
  /** Which fields are wrong; of INVALID_FIELDS only. */
  readonly fields: readonly FieldProblem[];
  /** After how many milliseconds another try makes sense. Absent: not said. */
  readonly retryAfterMs?: number;
  /** The last number that a StreamGroup had sent when the server ended it. Absent: not said. */
  readonly sequence?: bigint;
}

const isReason = (text: string): text is Reason => text !== "UNSPECIFIED" && typeof ErrorReason[text as Reason] === "number";

/** Reads the typed details of whatever was thrown. What is not an error of a call has code `Unknown` and reason `""`. */
export function refusal(error: unknown): Refusal {
  const failure = ConnectError.from(error);
  const info = failure.findDetails(ErrorInfoSchema).find(({ domain }) => domain === "crewup");
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const sequence = info?.metadata["sequence"];
  return {
    code: failure.code,
    reason: info ? (isReason(info.reason) ? info.reason : "UNKNOWN") : "",
    fields: failure
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations)
      .map(({ field, reason, description }) => ({ field, reason, description })),
    ...(delay && { retryAfterMs: Number(delay.seconds) * 1000 + delay.nanos / 1_000_000 }),
    ...(sequence && /^\d+$/.test(sequence) && { sequence: BigInt(sequence) }),
  };
}
