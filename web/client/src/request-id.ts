import { clone } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";

/** What makes ids: `randomUUID` is only there in secure contexts. */
type Source = Pick<Crypto, "getRandomValues"> & Partial<Pick<Crypto, "randomUUID">>;

/** A random UUID (version 4). */
export function uuid(source: Source = globalThis.crypto): string {
  if (source.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * Gives a request that has a `request_id`, and came without, one of its own: once for the call, so that its retries have the
 * same. The caller's message is not touched.
 */
export const fillRequestId: Interceptor = (next) => (request) => {
  const field = request.stream ? undefined : request.method.input.fields.find(({ name }) => name === "request_id");
  if (request.stream || !field) return next(request);
  const name = field.localName as keyof typeof request.message;
  if (request.message[name]) return next(request);
  return next({ ...request, message: Object.assign(clone(request.method.input, request.message), { [name]: uuid() }) });
};
