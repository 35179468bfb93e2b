import { z } from 'zod'
import type { Endpoint } from '#surfaces/api-docs/endpoint.ts'

const tags: [string] = ['Operations']

const readiness = z
  .object({
    status: z
      .enum(['ok', 'degraded', 'unavailable'])
      .describe('`degraded`: nobody can sign in at this moment, all else works'),
  })
  .meta({ id: 'Readiness', description: 'What a node can do' })

/** The endpoints of load balancers, for `/openapi.json`. */
export const healthEndpoints: Endpoint[] = [
  {
    name: 'getHealth',
    method: 'GET',
    path: '/healthz',
    summary: 'Whether the process answers',
    description: 'Asked under any `Host`.',
    tags,
    security: [],
    answers: {
      200: {
        description: 'It answers',
        answer: z.object({ status: z.literal('ok').describe('It answers') }),
        headers: ['X-Request-Id'],
      },
    },
  },
  {
    name: 'getReadiness',
    method: 'GET',
    path: '/readyz',
    summary: 'Whether a load balancer may send work',
    description: 'Asked under any `Host`. 503 while the node drains or has no database.',
    tags,
    security: [],
    answers: {
      200: { description: 'It may', answer: readiness, headers: ['X-Request-Id'] },
      503: { description: 'It may not', answer: readiness, headers: ['X-Request-Id'] },
    },
  },
  {
    name: 'getOpenApi',
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    description: 'OpenAPI 3.1, as the routes declare themselves.',
    tags,
    security: [],
    answers: {
      200: {
        description: 'The document',
        answer: z.looseObject({
          openapi: z
            .string()
            .describe('The version of OpenAPI')
            .meta({ examples: ['3.1.0'] }),
        }),
        headers: ['ETag', 'X-Request-Id'],
      },
      304: { description: 'Nothing has changed since `If-None-Match`', headers: ['ETag', 'X-Request-Id'] },
    },
  },
]
