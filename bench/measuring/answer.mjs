// Counterpart of host.mjs: handles requests until the parent disconnects.

/** Sends `began`, and then handles requests. Calls `close` at the end. */
export function answer(duties, { began = null, close = () => {} } = {}) {
  process.on('message', async ({ duty, given }) => {
    try {
      process.send({ result: (await duties[duty](...given)) ?? null })
    } catch (thrown) {
      process.send({ error: String(thrown?.message ?? thrown) })
    }
  })
  process.once('disconnect', async () => {
    await close()
    process.exit()
  })
  process.send({ result: began })
}
