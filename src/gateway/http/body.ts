import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** Destroys a {@link RequestBody} that is longer than the route allows. */
export class BodyTooLarge extends Error {}

/** Destroys a {@link RequestBody} whose client closed the connection before the body was complete. */
export class ClientGone extends Error {}

/**
 * The body of a request as the child receives it: limited to `maxBytes`, and read only as fast as the child takes it.
 * A stream of its own, because undici destroys the body that it has sent; destroying Node's request would also
 * destroy the client's connection.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage
  readonly #maxBytes: number
  #receivedBytes = 0
  #hasBegun = false

  /** `maxBytes` is null for no limit. */
  constructor(request: IncomingMessage, maxBytes: number | null) {
    super({ highWaterMark: 64 * 1024 })
    this.#request = request
    this.#maxBytes = maxBytes ?? Number.POSITIVE_INFINITY
    this.on('error', () => {})
  }

  /** True once reading has begun: from then on the body cannot be sent again. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  override _read(): void {
    if (this.#hasBegun) this.#request.resume()
    else this.#begin()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    // Discard the rest of the body, so that the client can still receive the response.
    if (this.#hasBegun) this.#request.resume()
    done(error)
  }

  #begin(): void {
    this.#hasBegun = true
    this.#request.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose)
    if (this.#request.destroyed && !this.#request.readableEnded) this.#onClose()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#receivedBytes += chunk.length
    if (this.#receivedBytes > this.#maxBytes) this.destroy(new BodyTooLarge())
    else if (!this.push(chunk)) this.#request.pause()
  }

  readonly #onEnd = (): void => void this.push(null)

  readonly #onClose = (): void => {
    if (!this.#request.readableEnded) this.destroy(new ClientGone())
  }
}
