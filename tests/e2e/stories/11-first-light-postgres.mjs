// The same path on PostgreSQL.
import { exec } from "../harness.mjs";
import { path } from "./10-first-light.mjs";

export const limit = 900;

export default () => path({ postgres: true }, (city, sql) => exec("psql", [city.database, "-v", "ON_ERROR_STOP=1", "-c", sql]));
