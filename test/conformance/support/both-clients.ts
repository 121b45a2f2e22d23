/**
 * The official SDK and this client behind one interface, each used as its users use it. What a call gives is the API's
 * object and the request id, so that it can be compared; what it rejects with stays as it is.
 */
import Anthropic from '@anthropic-ai/sdk';
import type { MessageBatch, MessageBatchIndividualResponse } from '@anthropic-ai/sdk/resources/messages/batches';
import { MessageBatchesApi, type BatchCreateParams, type MessageBatchPage } from '../../../src/api';

export interface Given<T> {
  data: T;
  requestId: string | undefined;
}

export type Query = Record<string, string | number | boolean>;

/** Of the client and of each call. */
interface Common {
  betas?: string[];
  workspaceId?: string;
  headers?: Record<string, string>;
  query?: Query;
}

export interface ClientSettings extends Common {
  baseUrl: string;
  /** Default: bearer, as this SDK sends a key. */
  credential?: 'bearer' | 'x-api-key';
  /** The old beta form of the API: `?beta=true` and the name of the beta on every call. */
  betaForm?: boolean;
  maxRetries?: number;
}

export interface CallSettings extends Common {
  /** Headers of the client that this call goes without. */
  removedHeaders?: string[];
  apiVersion?: string;
  /** Further fields of the JSON body; of create and cancel alone. */
  bodyFields?: Record<string, unknown>;
}

export interface ListQuery {
  limit?: number;
  afterId?: string;
  beforeId?: string;
}

export type Requests = BatchCreateParams.Request[];

export interface BatchClient {
  create(requests: Requests, settings?: CallSettings): Promise<Given<MessageBatch>>;
  retrieve(id: string, settings?: CallSettings): Promise<Given<MessageBatch>>;
  list(query?: ListQuery, settings?: CallSettings): Promise<Given<MessageBatchPage>>;
  /** So many pages, one by one. */
  pages(count: number, query?: ListQuery): Promise<{ ids: string[]; hasNextPage: boolean }[]>;
  /** Every batch of every page. */
  all(query?: ListQuery, settings?: CallSettings): Promise<MessageBatch[]>;
  cancel(id: string, settings?: CallSettings): Promise<Given<MessageBatch>>;
  delete(id: string, settings?: CallSettings): Promise<Given<unknown>>;
  /** The batch is retrieved before, as the SDK always does. */
  results(id: string, settings?: CallSettings): Promise<MessageBatchIndividualResponse[]>;
}

export const KEY = 'conformance-key';
/** What SDK 1.12 sends; this client's own default is 2023-06-01. */
export const SDK_API_VERSION = '2026-10-21';
export const BATCHES_BETA = 'message-batches-2024-09-24';

export function sdkOf({ baseUrl, credential = 'bearer', betas = [], betaForm, workspaceId, headers, query, maxRetries = 0 }: ClientSettings): Anthropic {
  const allBetas = [...betas, ...(betaForm ? [BATCHES_BETA] : [])];
  return new Anthropic({
    ...(credential === 'bearer' ? { apiKey: KEY } : { apiKey: null, authToken: null }),
    baseURL: baseUrl,
    maxRetries,
    defaultHeaders: {
      ...(credential === 'x-api-key' && { 'x-api-key': KEY }),
      ...(allBetas.length > 0 && { 'anthropic-beta': allBetas.join(',') }),
      ...(workspaceId !== undefined && { 'anthropic-workspace-id': workspaceId }),
      ...headers,
    },
    defaultQuery: { ...(betaForm && { beta: 'true' }), ...(query && textual(query)) },
  });
}

export function apiOf({ credential = 'bearer', betaForm, maxRetries = 0, ...settings }: ClientSettings): MessageBatchesApi {
  return new MessageBatchesApi({ ...settings, betaApi: betaForm, maxRetries, credential: { kind: credential, token: KEY }, apiVersion: SDK_API_VERSION });
}

/** @param namespace the beta one has `betas` as a parameter; without betas both send the same */
export function throughSdk(sdk: Anthropic, namespace: 'messages' | 'beta' = 'messages'): BatchClient {
  const batches = namespace === 'beta' ? (sdk.beta.messages.batches as unknown as Anthropic.Messages.Batches) : sdk.messages.batches;
  const named = ({ betas, workspaceId }: CallSettings) => ({
    ...(workspaceId !== undefined && { workspace_id: workspaceId }),
    ...(betas && namespace === 'beta' && { betas }),
  });
  const options = ({ headers, removedHeaders = [], apiVersion, betas, query, bodyFields }: CallSettings) => ({
    headers: {
      ...(apiVersion !== undefined && { 'anthropic-version': apiVersion }),
      ...(betas && namespace === 'messages' && { 'anthropic-beta': betas.join(',') }),
      ...headers,
      ...Object.fromEntries(removedHeaders.map((name) => [name, null])),
    },
    ...(query && { query: textual(query) }),
    ...(bodyFields && { body: bodyFields }),
  });
  // The query of a list call goes with its parameters: as an option it would replace them.
  const listParams = (query: ListQuery, settings: CallSettings) => ({ ...onTheWire(query), ...settings.query, ...named(settings) }) as Anthropic.Messages.BatchListParams;
  const listOptions = (settings: CallSettings) => options({ ...settings, query: undefined });
  return {
    create: async (requests, { bodyFields, ...settings } = {}) => given(await batches.create({ requests, ...bodyFields, ...named(settings) }, options(settings))),
    retrieve: async (id, settings = {}) => given(await batches.retrieve(id, named(settings), options(settings))),
    list: async (query = {}, settings = {}) => {
      const { data: page, response } = await batches.list(listParams(query, settings), listOptions(settings)).withResponse();
      const { data, has_more, first_id, last_id } = page;
      return { data: { data, has_more, first_id, last_id }, requestId: response.headers.get('request-id') ?? undefined };
    },
    pages: async (count, query = {}) => {
      const pages = [];
      let page = await batches.list(onTheWire(query));
      for (;;) {
        pages.push({ ids: page.data.map(({ id }) => id), hasNextPage: page.hasNextPage() });
        if (pages.length === count) return pages;
        page = await page.getNextPage();
      }
    },
    all: async (query = {}, settings = {}) => collect(batches.list(listParams(query, settings), listOptions(settings))),
    cancel: async (id, settings = {}) => given(await batches.cancel(id, named(settings), options(settings))),
    delete: async (id, settings = {}) => given(await batches.delete(id, named(settings), options(settings))),
    results: async (id, settings = {}) => collect(await batches.results(id, named(settings), options(settings))),
  };
}

export function throughApi(api: MessageBatchesApi): BatchClient {
  const options = ({ removedHeaders = [], headers, ...settings }: CallSettings) => ({
    ...settings,
    headers: { ...headers, ...Object.fromEntries(removedHeaders.map((name) => [name, null])) },
  });
  const plain = async <T>(answer: Promise<{ data: T; requestId?: string }>): Promise<Given<T>> => {
    const { data, requestId } = await answer;
    return { data, requestId };
  };
  return {
    create: (requests, settings = {}) => plain(api.create({ requests }, options(settings))),
    retrieve: (id, settings = {}) => plain(api.retrieve(id, options(settings))),
    list: (query, settings = {}) => plain(api.list(query, options(settings))),
    pages: async (count, query) => {
      const pages = [];
      let page = await api.list(query);
      for (;;) {
        pages.push({ ids: page.data.data.map(({ id }) => id), hasNextPage: page.hasNextPage() });
        if (pages.length === count) return pages;
        page = await page.getNextPage();
      }
    },
    all: (query, settings = {}) => collect(api.listAll(query, options(settings))),
    cancel: (id, settings = {}) => plain(api.cancel(id, options(settings))),
    delete: (id, settings = {}) => plain(api.delete(id, options(settings))),
    results: async (id, settings = {}) => {
      await api.retrieve(id, options(settings));
      return collect(await api.results(id, options(settings)));
    },
  };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function given<T extends object>(value: T & { _request_id?: string | null }): Given<T> {
  return { data: value, requestId: value._request_id ?? undefined };
}

function onTheWire({ limit, afterId, beforeId }: ListQuery): Anthropic.Messages.BatchListParams {
  return { ...(limit !== undefined && { limit }), ...(afterId !== undefined && { after_id: afterId }), ...(beforeId !== undefined && { before_id: beforeId }) };
}

function textual(query: Query): Record<string, string> {
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]));
}
