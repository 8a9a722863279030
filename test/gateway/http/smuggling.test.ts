import net from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Rng } from '../../chaos/fault.ts'
import { rngFor } from '../../chaos/rng.ts'
import { until } from '../../support/host.ts'
import { connectRaw, newStage, type Raw, type Stage } from '../../support/lives.ts'

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const MUTATIONS = 5_000
const BATCH = 50

/** A request as the child parsed it. */
interface ParsedRequest {
  readonly method: string
  readonly path: string
  readonly length: number
}

const LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[\x21-\x7e\x80-\xff]*) HTTP\/1\.1$/
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)$/
const ONCE = ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'x-forwarded-for']

/**
 * Parses one request as the strictest parser would; null while it is not complete. Throws if two parsers could disagree on
 * its end, its host or its client.
 */
function parseOne(bytes: string): (ParsedRequest & { readonly rest: string }) | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [line = '', ...fields] = bytes.slice(0, end).split('\r\n')
  const matched = LINE.exec(line)
  if (!matched) throw new Error(`first line ${JSON.stringify(line)}`)
  const headers = new Map<string, string>()
  for (const field of fields) {
    const [, name = '', value = ''] = FIELD.exec(field) ?? []
    const lower = name.toLowerCase()
    if (lower === '') throw new Error(`field ${JSON.stringify(field)}`)
    if (ONCE.includes(lower) && headers.has(lower)) throw new Error(`${lower} twice`)
    headers.set(lower, value)
  }
  const [length, encoding] = [headers.get('content-length'), headers.get('transfer-encoding')]
  if (length !== undefined && encoding !== undefined) throw new Error('two lengths')
  if (encoding !== undefined && encoding !== 'chunked') throw new Error(`encoding ${encoding}`)
  if (length !== undefined && !/^(?:0|[1-9]\d*)$/.test(length)) throw new Error(`length ${length}`)
  if (headers.get('host') === undefined) throw new Error('no host')
  if (!/^127\.0\.0\.1$/.test(headers.get('x-forwarded-for') ?? '')) throw new Error('spoofed')
  const head = { method: matched[1] as string, path: matched[2] as string }
  const body = bytes.slice(end + 4)
  if (encoding === undefined) {
    const wanted = Number(length ?? 0)
    return body.length < wanted ? null : { ...head, length: wanted, rest: body.slice(wanted) }
  }
  return parseChunks(head, body)
}

function parseChunks(
  head: Omit<ParsedRequest, 'length'>,
  body: string,
): (ParsedRequest & { readonly rest: string }) | null {
  let [rest, length] = [body, 0]
  for (;;) {
    const end = rest.indexOf('\r\n')
    if (end < 0) return null
    const size = rest.slice(0, end)
    if (!/^[0-9a-f]+$/.test(size)) throw new Error(`chunk ${JSON.stringify(size)}`)
    const bytes = Number.parseInt(size, 16)
    if (rest.length < end + 2 + bytes + 2) return null
    if (rest.slice(end + 2 + bytes, end + 4 + bytes) !== '\r\n') throw new Error('chunk without an end')
    rest = rest.slice(end + 4 + bytes)
    length += bytes
    if (bytes === 0) return { ...head, length, rest }
  }
}

interface StrictStage extends Stage {
  /** Requests that the child received. */
  readonly received: ParsedRequest[]
  /** Errors of the child's parser. */
  readonly parseErrors: string[]
  /** Paths of the requests that the gateway accepted. */
  readonly accepted: string[]
}

/** Starts a gateway in front of a child that parses strictly and keeps its connections open. */
async function newStrictStage(): Promise<StrictStage> {
  const received: ParsedRequest[] = []
  const parseErrors: string[] = []
  const accepted: string[] = []
  const newServer = (): net.Server =>
    net.createServer((socket) => {
      let bytes = ''
      socket.on('error', () => {}).setEncoding('latin1')
      socket.on('data', (chunk: string) => {
        bytes += chunk
        try {
          for (let parsed = parseOne(bytes); parsed; parsed = parseOne(bytes)) {
            bytes = parsed.rest
            received.push(parsed)
            const body = parsed.method === 'HEAD' ? '' : 'read'
            socket.write(`HTTP/1.1 200 OK\r\nX-Read: yes\r\nContent-Length: 4\r\n\r\n${body}`)
          }
        } catch (thrown) {
          parseErrors.push(`${(thrown as Error).message} in ${JSON.stringify(bytes)}`)
          socket.destroy()
        }
      })
    })
  const stage: Stage = await newStage(
    { newServer },
    {
      routes: (request) => {
        accepted.push(String(request.url))
        return request.headers.host === 'app.localhost' ? stage.child('app') : null
      },
    },
  )
  return { ...stage, received, parseErrors, accepted }
}

const HOST = 'Host: app.localhost'
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n\r\n`

const message = (line: string, headers: readonly string[], body = ''): string =>
  [line, ...headers, '', body].join('\r\n')

/** Sends bytes; returns the status of the response, and the number of requests that the child received. */
async function send(stage: StrictStage, bytes: string): Promise<{ status: number; received: number }> {
  const before = stage.received.length
  const raw = connectRaw(stage.port)
  raw.socket.write(bytes, 'latin1')
  await until(() => raw.text().includes('\r\n\r\n') || raw.socket.destroyed, 'a response')
  await idle(stage, [raw])
  raw.socket.destroy()
  await raw.closed
  await until(() => leases(stage) === 0)
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(raw.text())?.[1] ?? 0),
    received: stage.received.length - before,
  }
}

const leases = ({ spinner }: Stage): number => spinner.get('app')?.leases ?? 0

/** Waits until nothing changes any more: a connection may wait for further bytes for ever. */
async function idle(stage: StrictStage, raws: readonly Raw[]): Promise<void> {
  let [last, same] = ['', 0]
  await until(() => {
    const lengths = raws.map((raw) => raw.text().length + (raw.socket.destroyed ? 0.5 : 0))
    const now = [...lengths, leases(stage), stage.received.length].join()
    same = now === last ? same + 1 : 0
    last = now
    return same > 3
  })
}

const AMBIGUOUS: readonly (readonly [string, number, string])[] = [
  [
    'a length and chunks',
    400,
    message(
      'POST / HTTP/1.1',
      [HOST, 'Content-Length: 5', 'Transfer-Encoding: chunked'],
      `0\r\n\r\n${SMUGGLED}`,
    ),
  ],
  [
    'chunks and a length',
    400,
    message(
      'POST / HTTP/1.1',
      [HOST, 'Transfer-Encoding: chunked', 'Content-Length: 5'],
      `0\r\n\r\n${SMUGGLED}`,
    ),
  ],
  [
    'two lengths',
    400,
    message('POST / HTTP/1.1', [HOST, 'Content-Length: 4', 'Content-Length: 40'], `body${SMUGGLED}`),
  ],
  ['a list of lengths', 400, message('POST / HTTP/1.1', [HOST, 'Content-Length: 4, 4'], 'body')],
  ['a negative length', 400, message('POST / HTTP/1.1', [HOST, 'Content-Length: -4'], 'body')],
  ['a length with a sign', 400, message('POST / HTTP/1.1', [HOST, 'Content-Length: +4'], 'body')],
  [
    'an unknown encoding',
    501,
    message('POST / HTTP/1.1', [HOST, 'Transfer-Encoding: xchunked'], '0\r\n\r\n'),
  ],
  [
    'an encoding that does not end with chunked',
    400,
    message('POST / HTTP/1.1', [HOST, 'Transfer-Encoding: chunked, identity'], '0\r\n\r\n'),
  ],
  [
    'an encoding inside chunks',
    501,
    message('POST / HTTP/1.1', [HOST, 'Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'),
  ],
  [
    'two encodings',
    400,
    message(
      'POST / HTTP/1.1',
      [HOST, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
      '0\r\n\r\n',
    ),
  ],
  [
    'an encoding in HTTP/1.0',
    400,
    message('POST / HTTP/1.0', [HOST, 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
  ],
  ['line feeds without carriage returns', 400, `GET / HTTP/1.1\n${HOST}\n\n`],
  ['a folded header', 400, message('GET / HTTP/1.1', [HOST, 'X-A: b', ' c'])],
  ['a space before the colon', 400, message('POST / HTTP/1.1', [HOST, 'Content-Length : 4'], 'body')],
  ['a NUL in a header', 400, message('GET / HTTP/1.1', [HOST, 'X-A: b\0c'])],
  ['no host', 400, message('GET / HTTP/1.1', ['X-A: b'])],
  ['two hosts', 400, message('GET / HTTP/1.1', [HOST, 'Host: evil.example'])],
  ['an absolute URL with another host', 400, message('GET http://evil.example/ HTTP/1.1', [HOST])],
  ['a path with two slashes', 400, message('GET //evil.example/.. HTTP/1.1', [HOST])],
  ['CONNECT', 405, message('CONNECT app.localhost:80 HTTP/1.1', [HOST])],
  ['TRACE', 405, message('TRACE / HTTP/1.1', [HOST])],
  [
    'a chunk that is too long',
    400,
    message('POST / HTTP/1.1', [HOST, 'Transfer-Encoding: chunked'], 'fffffffffffffffff\r\n'),
  ],
  [
    'a length after more headers than Node keeps',
    431,
    message(
      'POST / HTTP/1.1',
      [HOST, ...Array<string>(3_000).fill('a:'), `Content-Length: ${SMUGGLED.length}`],
      SMUGGLED,
    ),
  ],
  [
    'an invalid chunk size',
    400,
    message('POST / HTTP/1.1', [HOST, 'Transfer-Encoding: chunked'], '0x5\r\nhello\r\n0\r\n\r\n'),
  ],
]

describe('H49: requests that two parsers could read differently', () => {
  test('are refused, and the child never receives a request that is hidden in one', async () => {
    const stage = await newStrictStage()
    for (const [name, expected, bytes] of AMBIGUOUS) {
      const { status } = await send(stage, bytes)
      expect(`${name}: ${status}`).toBe(`${name}: ${expected}`)
    }
    expect(stage.parseErrors).toEqual([])
    expect(stage.received.filter(({ path }) => path === '/smuggled')).toEqual([])
  })

  test('do not include well-formed requests, however their bytes are split', async () => {
    const stage = await newStrictStage()
    const wellFormed = message(
      'POST /a HTTP/1.1',
      [HOST, 'Transfer-Encoding: chunked'],
      '5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n',
    )
    const raw = connectRaw(stage.port)
    for (const byte of wellFormed + message('GET /b HTTP/1.1', [HOST])) {
      raw.socket.write(byte)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => raw.text().split('X-Read').length === 3)
    expect(stage.received.map(({ path, length }) => `${path} ${length}`)).toEqual(['/a 5', '/b 0'])
    raw.socket.destroy()
    await raw.closed
  })

  test(`do not reach the child in ${MUTATIONS} mutations: it receives each accepted request once, and nothing else`, async () => {
    const stage = await newStrictStage()
    await send(stage, message('GET / HTTP/1.1', [HOST]))
    for (let batch = 0; batch < MUTATIONS / BATCH; batch++) {
      const [receivedBefore, acceptedBefore] = [stage.received.length, stage.accepted.length]
      const sent = Array.from({ length: BATCH }, (_, at) =>
        mutate(rngFor(SEED, 'mutated', batch * BATCH + at)),
      )
      const raws = sent.map((bytes) => {
        const raw = connectRaw(stage.port)
        raw.socket.write(bytes, 'latin1')
        return raw
      })
      await until(() => raws.every(({ socket }) => !socket.connecting))
      await idle(stage, raws)
      for (const { socket } of raws) socket.destroy()
      await Promise.all(raws.map(({ closed }) => closed))
      await until(() => leases(stage) === 0)
      const context = `batch ${batch} with SEED=${SEED}`
      expect(stage.parseErrors, context).toEqual([])
      const left = stage.accepted.slice(acceptedBefore).map(pathOf)
      for (const { path } of stage.received.slice(receivedBefore)) {
        const at = left.indexOf(path)
        expect(at, `${path} in ${context}`).toBeGreaterThanOrEqual(0)
        left.splice(at, 1)
      }
      for (const raw of raws) expect(raw.text(), context).not.toMatch(/^HTTP\/1\.1 50[0234]/m)
    }
    // Make sure that the test is not empty: many mutations are still well-formed.
    expect(stage.received.length).toBeGreaterThan(MUTATIONS / 10)
  })
})

const pathOf = (url: string): string => url.replace(/^https?:\/\/[^/?]*/i, '').replace(/^(?!\/)/, '/')

const BASES: readonly string[] = [
  message('GET /get HTTP/1.1', [HOST, 'Accept: */*']),
  message('GET /close HTTP/1.1', [HOST, 'Connection: close']),
  message('POST /sized HTTP/1.1', [HOST, `Content-Length: ${SMUGGLED.length}`], SMUGGLED),
  message(
    'POST /chunked HTTP/1.1',
    [HOST, 'Transfer-Encoding: chunked'],
    `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
  ),
  message(
    'PUT /both HTTP/1.1',
    [HOST, 'Content-Length: 6', 'Transfer-Encoding: chunked'],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  message(
    'POST /te HTTP/1.1',
    [HOST, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    `0\r\n\r\n${SMUGGLED}`,
  ),
  message('GET /body HTTP/1.1', [HOST, `Content-Length: ${SMUGGLED.length}`], SMUGGLED),
  message('DELETE /body HTTP/1.1', [HOST, 'Content-Length: 3'], 'abc'),
  message('HEAD /head HTTP/1.1', [HOST]),
  message('OPTIONS /options HTTP/1.1', [HOST]),
  message('POST /expect HTTP/1.1', [HOST, 'Expect: 100-continue', 'Content-Length: 3'], 'abc'),
  message('GET http://app.localhost/absolute HTTP/1.1', [HOST]),
  message('GET /upgrade HTTP/1.1', [HOST, 'Connection: Upgrade', 'Upgrade: websocket'], SMUGGLED),
  message(
    'GET /h2c HTTP/1.1',
    [HOST, 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'],
    SMUGGLED,
  ),
  message('GET /old HTTP/1.0', [HOST]),
  message('GET /hop HTTP/1.1', [
    HOST,
    'Connection: close, X-Forwarded-For, Content-Length',
    'X-Forwarded-For: 9.9.9.9',
  ]),
  message('GET /spoof HTTP/1.1', [
    HOST,
    'X-Forwarded-For: 9.9.9.9',
    'Forwarded: for=9.9.9.9',
    'X_Forwarded_For: 9.9.9.9',
  ]),
  message('GET /a HTTP/1.1', [HOST]) + message('GET /b HTTP/1.1', [HOST]),
  message(
    'POST /trailers HTTP/1.1',
    [HOST, 'Transfer-Encoding: chunked', 'Trailer: Host'],
    '3\r\nabc\r\n0\r\nHost: evil\r\nContent-Length: 9\r\n\r\n',
  ),
  message(
    'POST /extension HTTP/1.1',
    [HOST, 'Transfer-Encoding: chunked'],
    '3;a="\r\n0\r\n"\r\nabc\r\n0\r\n\r\n',
  ),
]

const EVIL_LINES: readonly string[] = [
  'Content-Length: 0',
  'Content-Length: 3',
  'content-length:3',
  'Content-Length: 00003',
  'Content-Length: 3\t',
  'Content-Length\t: 3',
  'Content_Length: 3',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding:\tchunked',
  'Transfer-Encoding: Chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: identity',
  'Transfer_Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'X: y\nTransfer-Encoding: chunked',
  'Connection: keep-alive, Transfer-Encoding',
  'Connection: close',
  'Host: app.localhost',
  'Host: evil.example',
  'Expect: 100-continue',
  'Upgrade: h2c',
  'TE: trailers, chunked',
  'X-Forwarded-For: 127.0.0.1',
  ' X-Folded: 1',
  '\tfolded',
  ': nameless',
  'noColon',
  'X-Nul: a\0b',
  'X-High: \xff\xfe',
]

/** Changes one of the base requests one to three times. */
function mutate(rng: Rng): string {
  let bytes = rng.pick(BASES)
  for (let left = rng.int(1, 3); left > 0; left--) bytes = rng.pick(CHANGES)(bytes, rng)
  return bytes
}

type Change = (bytes: string, rng: Rng) => string

const position = (bytes: string, rng: Rng): number => rng.int(0, Math.max(0, bytes.length - 1))

const onLines =
  (change: (lines: string[], line: number, rng: Rng) => void): Change =>
  (bytes, rng) => {
    const lines = bytes.split('\r\n')
    change(lines, rng.int(0, lines.length - 1), rng)
    return lines.join('\r\n')
  }

const CHANGES: readonly Change[] = [
  onLines((lines, line) => void lines.splice(line, 0, lines[line] as string)),
  onLines((lines, line) => void lines.splice(line, 1)),
  onLines((lines, line, rng) => void lines.splice(Math.max(1, line), 0, rng.pick(EVIL_LINES))),
  onLines((lines, _line, rng) => void lines.splice(1, 0, rng.pick(EVIL_LINES), rng.pick(EVIL_LINES))),
  onLines((lines, line) => {
    lines[line] = (lines[line] as string).replace(':', ' :')
  }),
  onLines((lines, line) => {
    lines[line] = (lines[line] as string).toUpperCase()
  }),
  (bytes, rng) => {
    const index = position(bytes, rng)
    return bytes.slice(0, index) + String.fromCharCode(rng.int(0, 255)) + bytes.slice(index + 1)
  },
  (bytes, rng) => {
    const index = position(bytes, rng)
    return (
      bytes.slice(0, index) +
      rng.pick(['\r', '\n', '\0', ' ', '\t', '0', ';', ',', '\r\n', '\r\n\r\n']) +
      bytes.slice(index)
    )
  },
  (bytes, rng) => bytes.slice(0, position(bytes, rng)),
  (bytes) => bytes.replace('\r\n', '\n'),
  (bytes, rng) => bytes.replace(/\d+/, (digits) => String(Math.max(0, Number(digits) + rng.int(-3, 3)))),
  (bytes) => bytes.replace('HTTP/1.1', 'HTTP/1.0'),
  (bytes, rng) => bytes + rng.pick(BASES),
  (bytes, rng) => bytes + SMUGGLED.slice(rng.int(0, 5)),
]
