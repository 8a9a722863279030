import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { NO_SERVERS, renderFile } from '../../src/nginx/conf/render.ts'
import type { NginxOptions } from '../../src/nginx/options.ts'
import type { Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { fixture } from '../support/host.ts'
import { type Nginx, newNginx, type Place } from '../support/nginx.ts'

/** Returns the path of the upstream file that the configuration of a site includes. */
export const included = (folder: string): string => path.join(folder, 'app.conf')

/** Returns a server that passes all requests to the upstream `app`. */
export const server = ({ port }: Pick<Place, 'port'>): string => `
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
    }
  }`

/** Returns the `http` block of an nginx whose upstream is in a separate file. */
export function site(place: Place): string {
  writeFileSync(included(place.folder), renderFile([{ name: 'app', directives: [], servers: [NO_SERVERS] }]))
  return `include ${included(place.folder)};${server(place)}`
}

export const newSite = (): Promise<Nginx> => newNginx(site)

/** Starts an nginx whose upstream is in its main configuration. */
export const newBlockSite = (block: string): Promise<Nginx> => newNginx((place) => `${block}${server(place)}`)

/** Returns the options of a plugin for a site. */
export const optionsFor = (nginx: Nginx, more: Partial<NginxOptions> = {}): NginxOptions => ({
  upstream: 'app',
  file: included(nginx.folder),
  command: nginx.command,
  config: nginx.conf,
  ...more,
})

export const readText = (file: string): string => readFileSync(file, 'latin1')

/** Returns the `server` lines of a file. */
export const serversIn = (file: string): string[] =>
  [...readText(file).matchAll(/^\s*(server [^{}]*?;)/gm)].map((match) => match[1] as string)

export const hello = (name: string, more: Partial<StartOptions> = {}): StartOptions => ({
  name,
  script: fixture('hello.js'),
  ...more,
})

/** Collects the `error` events of a spinner. */
export function errorsOf(spinner: Spinner): Error[] {
  const errors: Error[] = []
  spinner.on('error', (_child: Child, error: Error) => void errors.push(error))
  return errors
}
