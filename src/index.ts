/// <reference types="node" preserve="true" />
export type { Child } from './child/child.ts'
export type { Lease } from './child/lease.ts'
export type {
  Address,
  CheckInfo,
  ChildEvents,
  ChildInfo,
  ChildState,
  Exit,
  Figures,
  OutputStream,
  SpinnerEvents,
} from './emitter.ts'
export { SpinnerError, type SpinnerErrorCode, type SpinnerErrorDetails } from './errors.ts'
export type { Callback } from './promises.ts'
export { createSpinner, type Spinner } from './spinner.ts'
export type { Target } from './sys.ts'
export type {
  ChildOptions,
  ChildSettings,
  Duration,
  Logger,
  MonitorOptions,
  MonitorSettings,
  Ready,
  SpinnerOptions,
  StartOptions,
  WaitOptions,
} from './types/options.ts'
export type { Allocator, Check, CheckResult, Plugin } from './types/plugin.ts'
