import type { CallOptions } from "@connectrpc/connect";

/** A call that answers by pages: with `page_token` in its request and `next_page_token` in its answer. */
type Paged<Request, Page> = (request: Request, options?: CallOptions) => Promise<Page>;
type PageRequest = { readonly pageToken?: string };
type PageAnswer = { readonly nextPageToken: string };

/**
 * Every page of a list, from the request's `pageToken` on, or the first. The next page is asked for when the loop comes to
 * it: who leaves early makes no call more. Options, such as a signal, go with every call; a deadline is one page's. Throws
 * what a call throws.
 */
export async function* pages<Request extends PageRequest, Page extends PageAnswer>(
  call: Paged<Request, Page>,
  request: Request,
  options?: CallOptions,
): AsyncGenerator<Page, void, undefined> {
  let next = request;
  for (;;) {
    const page = await call(next, options);
    yield page;
    if (!page.nextPageToken) return;
    next = { ...request, pageToken: page.nextPageToken };
  }
}

/** Every item of every page, as `pages`: `items(crewup.event.listEvents, {}, (page) => page.events)`. */
export async function* items<Request extends PageRequest, Page extends PageAnswer, Item>(
  call: Paged<Request, Page>,
  request: Request,
  pick: (page: Page) => Iterable<Item>,
  options?: CallOptions,
): AsyncGenerator<Item, void, undefined> {
  for await (const page of pages(call, request, options)) yield* pick(page);
}
