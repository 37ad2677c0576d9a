import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

import type { CrewUp } from "./client.js";
import type { WatchEventsResponse, WatchedEvent } from "./gen/crewup/event/v1/event_service_pb.js";
import { AlertState } from "./gen/crewup/safety/v1/alert_pb.js";
import type { WatchAlertsResponse, WatchedAlert } from "./gen/crewup/safety/v1/safety_service_pb.js";
import { type Feed, type Live, type LiveOptions, type Taken, live } from "./live.js";
import type { Reason } from "./refusal.js";

/** One thing on a stream of states. */
export type StateChange<State> =
  /** A thing is there, or has changed; this is all of it. Its `revision` is higher than any handed over before. */
  | { readonly kind: "changed"; readonly id: string; readonly state: State }
  /** A thing that was handed over is no longer there for the caller. */
  | { readonly kind: "removed"; readonly id: string }
  /** Everything that is there was handed over, and what is gone was said to be; what follows is new. Again after every opening. */
  | { readonly kind: "live" };

/**
 * The events that the caller made, goes to, is interested in or waits for, and that are not over, live (WatchEvents), through
 * every cut. Ends by itself only with an error, as `live` says.
 */
export function liveEvents(crewup: Pick<CrewUp, "event">, options: LiveOptions = {}): Live<StateChange<WatchedEvent>> {
  const open = (signal: AbortSignal, heartbeatSeconds: number) => crewup.event.watchEvents({ heartbeatSeconds }, { signal });
  return live(new StateFeed<WatchEventsResponse, WatchedEvent>(open, readEvent), options);
}

/**
 * The alerts that reach the caller, and the own one with who was reached, live (WatchAlerts), through every cut. An alert's end
 * comes as its last state; one that ended while the connection was cut is `removed`. Ring when `publishCount` has grown. A ban
 * leaves the own alert and removes the others (M3). Ends by itself only with an error, as `live` says.
 */
export function liveAlerts(crewup: Pick<CrewUp, "safety">, options: LiveOptions = {}): Live<StateChange<WatchedAlert>> {
  const open = (signal: AbortSignal, heartbeatSeconds: number) => crewup.safety.watchAlerts({ heartbeatSeconds }, { signal });
  return live(new StateFeed<WatchAlertsResponse, WatchedAlert>(open, readAlert, "USER_BANNED"), options);
}

/** What is on every stream of states, by whatever name. */
type Told<State> =
  | { readonly case: "opened"; readonly endTime: Timestamp | undefined }
  | { readonly case: "state"; readonly id: string; readonly state: State; readonly isLast: boolean }
  | { readonly case: "removed"; readonly id: string }
  | { readonly case: "live" }
  | undefined;

function readEvent({ change }: WatchEventsResponse): Told<WatchedEvent> {
  switch (change.case) {
    case "opened":
      return { case: "opened", endTime: change.value.endTime };
    case "event":
      return { case: "state", id: change.value.event?.id ?? "", state: change.value, isLast: false };
    case "removedEventId":
      return { case: "removed", id: change.value };
    case "live":
      return { case: "live" };
    default:
      return undefined;
  }
}

function readAlert({ change }: WatchAlertsResponse): Told<WatchedAlert> {
  switch (change.case) {
    case "opened":
      return { case: "opened", endTime: change.value.endTime };
    case "alert": {
      const { alert } = change.value;
      const isLast = alert?.state === AlertState.RESOLVED || alert?.state === AlertState.EXPIRED;
      return { case: "state", id: alert?.id ?? "", state: change.value, isLast };
    }
    case "removedAlertId":
      return { case: "removed", id: change.value };
    case "live":
      return { case: "live" };
    default:
      return undefined;
  }
}

class StateFeed<Item, State extends { readonly revision: bigint }> implements Feed<Item, StateChange<State>> {
  /** What the consumer has: in which revision, and whether that is the last. */
  private readonly known = new Map<string, { readonly revision: bigint; readonly isLast: boolean }>();
  /** What the present stream has sent. Absent: all of what was there has come. */
  private sent: Set<string> | undefined;

  constructor(
    private readonly start: (signal: AbortSignal, heartbeatSeconds: number) => AsyncIterable<Item>,
    private readonly read: (item: Item) => Told<State>,
    readonly survives?: Reason | undefined,
  ) {}

  open(signal: AbortSignal, heartbeatSeconds: number): AsyncIterable<Item> {
    this.sent = new Set();
    return this.start(signal, heartbeatSeconds);
  }

  take(item: Item): Taken<StateChange<State>> {
    const told = this.read(item);
    switch (told?.case) {
      case "opened":
        return told.endTime ? { endMs: timestampMs(told.endTime) } : {};
      case "state": {
        const { id, state, isLast } = told;
        this.sent?.add(id);
        const known = this.known.get(id);
        if (known && known.revision >= state.revision) return {};
        this.known.set(id, { revision: state.revision, isLast });
        return { changes: [{ kind: "changed", id, state }] };
      }
      case "removed":
        return { changes: this.forget(told.id) };
      case "live":
        return { changes: [...this.sweep(), { kind: "live" }], isLive: true };
      default:
        return {};
    }
  }

  /** Once everything present was sent: what was not is no longer there. */
  private sweep(): StateChange<State>[] {
    const { sent } = this;
    this.sent = undefined;
    if (!sent) return [];
    return [...this.known.keys()].filter((id) => !sent.has(id)).flatMap((id) => this.forget(id));
  }

  /** Says that a thing is gone, unless the consumer does not have it, or has its end. */
  private forget(id: string): StateChange<State>[] {
    const known = this.known.get(id);
    this.known.delete(id);
    return known && !known.isLast ? [{ kind: "removed", id }] : [];
  }
}
