export {
  Client,
  type ClientOptions,
  createClient,
  type LockOptions,
  type MonitorOptions,
  type RequestOptions,
} from "./client.ts";
export {
  boolean,
  type Column,
  integer,
  isUuid,
  type MapColumn,
  map,
  type NamedUuid,
  type OptionalColumn,
  optional,
  real,
  type ScalarColumn,
  type SetColumn,
  set,
  string,
  type Uuid,
  uuid,
  type ValueOf,
} from "./column.ts";
export { OvsdbError, type OvsdbErrorDetails, type OvsdbErrorKind } from "./errors.ts";
export { type FrameLimits, FrameReader } from "./frame.ts";
export type { Json } from "./json.ts";
export type { ClientState } from "./link.ts";
export type { Lock } from "./lock.ts";
export { Replica, type ReplicaRow, type ReplicaTable, type RowChange } from "./replica.ts";
export type { TransactResult } from "./result.ts";
export {
  type ColumnName,
  type Columns,
  type Database,
  defineDatabase,
  type Everything,
  type Row,
  type Selection,
  type TableName,
  type Tables,
  type Values,
} from "./schema.ts";
export type { Address } from "./socket.ts";
export { type CountRef, type Expectation, type Selector, type SelectRef, Transaction } from "./transaction.ts";
