/// <reference types="node" preserve="true" />
import { realSys, type Sys } from '../sys.ts'
import type { Plugin } from '../types/plugin.ts'
import { type NginxOptions, readNginxOptions } from './options.ts'
import { NginxPlugin } from './plugin.ts'

export type { Members as Belongs, NginxOptions } from './options.ts'

/**
 * A plugin that keeps an `upstream` of nginx in step with children: each stands in it from the moment it is ready until it
 * is drained. Wrong options are an `ERR_SPINNER_INVALID_OPTION`; what goes wrong later is an `error` event of a child,
 * and nobody is kept from starting by it.
 *
 * @example
 * import { createSpinner } from 'spinner'
 * import { nginx } from 'spinner/nginx'
 *
 * const spinner = createSpinner({
 *   logger: null,
 *   // Without these two switches nginx checks the file and takes it.
 *   plugins: [nginx({ upstream: 'app', file: './app.conf', test: false, reload: false })],
 * })
 * await spinner.start('./hello.cjs') // app.conf has its address now
 * await spinner.close()
 */
export function nginx(options: NginxOptions): Plugin {
  return nginxOn(realSys, options)
}

/** @internal The same on another outside world: a test's. */
export function nginxOn(sys: Sys, options: NginxOptions): Plugin {
  const plugin = new NginxPlugin(sys, readNginxOptions(options))
  return {
    name: `nginx:${plugin.settings.upstream}`,
    setup: (spinner) => plugin.setup(spinner),
    ready: (child) => plugin.ready(child),
    drain: (child, _reason, signal) => plugin.drain(child, signal),
    close: () => plugin.close(),
  }
}
