import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

import type { CrewUp } from "./client.js";
import type { StreamGroupResponse } from "./gen/crewup/group/v1/group_service_pb.js";
import type { TimelineEntry, Typing } from "./gen/crewup/group/v1/message_pb.js";
import { type Feed, type Live, type LiveOptions, type Taken, live } from "./live.js";

export interface ChatOptions extends LiveOptions {
  /** The crew. UUID. */
  readonly groupId: string;
  /** The last number that the caller has: 0, everything that is kept, or more. Absent: only what is new. */
  readonly afterSequence?: bigint;
}

/** One thing in a crew's chat. */
export type ChatChange =
  /** The next entry of the timeline: each once, by rising numbers, without a gap. */
  | { readonly kind: "entry"; readonly entry: TimelineEntry }
  /** Somebody is writing. May be lost. */
  | { readonly kind: "typing"; readonly typing: Typing }
  /** Everything up to this number was handed over; what follows is new. Again after every opening of a stream. */
  | { readonly kind: "live"; readonly sequence: bigint };

/**
 * A crew's chat, live (StreamGroup), through every cut: resumed after the last entry that the loop took. Ends by itself only
 * with an error, as `live` says: among them NOT_MEMBER, CREW_BANNED, NOT_FOUND and CURSOR_OUT_OF_RANGE.
 */
export function liveChat(crewup: Pick<CrewUp, "group">, options: ChatOptions): Live<ChatChange> {
  return live(new ChatFeed(crewup, options), options);
}

class ChatFeed implements Feed<StreamGroupResponse, ChatChange> {
  /** The last number that was handed over, or after which the first stream began. Absent: none has begun. */
  private last: bigint | undefined;

  constructor(
    private readonly crewup: Pick<CrewUp, "group">,
    private readonly options: ChatOptions,
  ) {
    this.last = options.afterSequence;
  }

  open(signal: AbortSignal, heartbeatSeconds: number): AsyncIterable<StreamGroupResponse> {
    const { groupId } = this.options;
    const request = { groupId, heartbeatSeconds, ...(this.last !== undefined && { afterSequence: this.last }) };
    return this.crewup.group.streamGroup(request, { signal });
  }

  take({ change }: StreamGroupResponse): Taken<ChatChange> {
    switch (change.case) {
      case "opened": {
        const { afterSequence, endTime } = change.value;
        // A later one than asked for: what came between is no longer kept.
        if (this.last === undefined || afterSequence > this.last) this.last = afterSequence;
        return endTime ? { endMs: timestampMs(endTime) } : {};
      }
      case "entry": {
        const { sequence } = change.value;
        const last = this.last ?? sequence - 1n;
        if (sequence <= last) return {};
        this.mustHave(sequence - 1n);
        this.last = sequence;
        return { changes: [{ kind: "entry", entry: change.value }] };
      }
      case "typing":
        return { changes: [{ kind: "typing", typing: change.value }] };
      case "live":
        this.mustHave(change.value.sequence);
        return { changes: [{ kind: "live", sequence: change.value.sequence }], isLive: true };
      case "heartbeat":
        this.mustHave(change.value.sequence);
        return {};
      default:
        return {};
    }
  }

  /** Everything up to this number was sent; so it must have come. */
  private mustHave(sequence: bigint): void {
    if (this.last !== undefined && sequence > this.last) {
      throw new ConnectError(`entries are missing between ${this.last} and ${sequence + 1n}`, Code.DataLoss);
    }
  }
}
