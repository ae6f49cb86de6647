// Makes the package from a checkout: messages from the schema (../../proto), then JavaScript. npm runs it as
// `prepare`, also when somebody installs this directory, which does not install what the build needs: so it does.
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const run = (program, ...options) => execFileSync(program, options, { cwd: here, stdio: ["ignore", "inherit", "inherit"] });
const tool = (path, ...options) => run(process.execPath, `node_modules/${path}`, ...options);

if (!existsSync(`${here}/node_modules/typescript`) || !existsSync(`${here}/node_modules/@bufbuild/buf`)) {
  // A shell, since npm is a script on Windows.
  const options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--include=dev", "--silent"];
  execFileSync("npm", options, { cwd: here, stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32" });
}
rmSync(`${here}/dist`, { recursive: true, force: true });
try {
  tool("@bufbuild/buf/bin/buf", "generate");
  tool("typescript/bin/tsc");
} catch {
  // What is wrong was said already.
  process.exitCode = 1;
}
