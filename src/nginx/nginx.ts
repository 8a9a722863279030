import type { Plugin } from '../plugin.ts'
import { realSys, type Sys } from '../sys.ts'
import { type NginxOptions, readNginxOptions } from './options.ts'
import { UpstreamPlugin } from './upstream.ts'

/**
 * A plugin that keeps an `upstream` of nginx in step with children: each stands in it from the moment it is ready until it
 * is drained. Wrong options are an `ERR_SPINNER_INVALID_OPTION`; what goes wrong later is an `error` event of a child,
 * and nobody is kept from starting by it.
 *
 * @example
 * import { mkdtempSync } from 'node:fs'
 * import { createSpinner } from 'spinner'
 * import { nginx } from 'spinner/nginx'
 *
 * const folder = mkdtempSync('/tmp/upstreams-')
 * const spinner = createSpinner({
 *   logger: null,
 *   // Left out, `test` and `reload` have nginx check the file and take it.
 *   plugins: [nginx({ upstream: 'app', file: `${folder}/app.conf`, test: false, reload: false })],
 * })
 * await spinner.start('./hello.cjs')
 * await spinner.close()
 */
export function nginx(options: NginxOptions): Plugin {
  return nginxOn(realSys, options)
}

/** @internal The same on another outside world: a test's. */
export function nginxOn(sys: Sys, options: NginxOptions): Plugin {
  const plugin = new UpstreamPlugin(sys, readNginxOptions(options))
  return {
    name: `nginx:${plugin.settings.upstream}`,
    setup: (spinner) => plugin.setup(spinner),
    ready: (child) => plugin.ready(child),
    drain: (child, _reason, signal) => plugin.drain(child, signal),
    close: () => plugin.close(),
  }
}
