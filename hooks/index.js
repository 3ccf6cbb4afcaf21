"use strict";

/**
 * Runs around `s init`. `preInit` says what one needs; `postInit` checks the answers, hands the Huawei keys to the
 * tool's secret store, and says what comes next.
 *
 * The tool swallows whatever a hook throws and ends with 0, so every way out of here that is not success prints what
 * to do and ends the process with 1.
 */

const { spawnSync } = require("child_process");
const fs = require("fs");
const path = require("path");

const SECRETS = ["HW_AK", "HW_SK"];
const OMS_REGIONS = ["cn-north-4", "cn-east-2", "cn-southwest-2"];
const IGNORED = [".env", ".s/", "__pycache__/"];

const chinese = /^zh/i.test(process.env.LC_ALL || process.env.LC_MESSAGES || process.env.LANG || "");
// Written at once: what is still on its way when the process ends is lost.
const print = (line) => fs.writeSync(1, `${line}\n`);
const choose = (english, inChinese) => (chinese ? inChinese : english);
const say = (english, inChinese) => print(choose(english, inChinese));

/** Ends `s init` with 1, which an exception would not. */
function fail(problems, tempAppPath, appPath) {
  fs.rmSync(tempAppPath, { recursive: true, force: true });
  say("\nThe project is not set up:", "\n项目未完成初始化:");
  for (const problem of problems) print(`  - ${problem}`);
  if (fs.existsSync(path.join(appPath, ".git"))) {
    say(
      "The folder is incomplete now. `git reset --hard` brings back what was; then correct this and begin again.",
      "目录目前不完整。`git reset --hard` 可恢复原样;请更正后重新开始。",
    );
  } else {
    say(
      "Correct this and run `s init` again; let it override the folder, which is incomplete.",
      "请更正后重新执行 `s init`,并允许其覆盖未完成的目录。",
    );
  }
  process.exit(1);
}

async function preInit() {
  say(
    `
oss-oms-sync forwards every object written to an OSS bucket to a sync task of Huawei's OMS, which copies it to OBS.
It needs
  - the source bucket, and a second, different bucket of the same region for the records
  - the SYNC_URL of an OMS sync task (OMS console > Synchronization Tasks > Create)
  - the AK/SK of a Huawei IAM user with the rights oms:synctask:createEvent, get and statistics
  - two RAM roles of the Alibaba account; the project's readme.md says how to make them
`,
    `
oss-oms-sync 将写入 OSS 存储桶的每个对象转发给华为云 OMS 同步任务,由其复制到 OBS。
需要准备:
  - 源存储桶,以及同地域的另一个(不同的)存放记录的存储桶
  - OMS 同步任务的 SYNC_URL(OMS 控制台 > 同步任务 > 创建)
  - 拥有 oms:synctask:createEvent、get、statistics 权限的华为云 IAM 用户的 AK/SK
  - 阿里云账号下的两个 RAM 角色,创建方法见生成项目中的 readme.md
`,
  );
}

async function postInit({ appPath, tempAppPath, artTemplate }) {
  try {
    const questions = JSON.parse(fs.readFileSync(path.join(__dirname, "questions.json"), "utf8"));
    const answers = readAnswers(questions, appPath, artTemplate);
    // First of all: should the answers be refused, nothing secret can be committed.
    writeGitignore(path.join(appPath, ".gitignore"));
    writeEnv(path.join(appPath, ".env"));
    const kept = takeSecrets(answers);
    const problems = check(questions, answers, kept);
    if (problems.length > 0) fail(problems, tempAppPath, appPath);
    keepSecrets(answers, kept);
    warnOfRegion(answers.SYNC_URL);
    writeAnswers(path.join(appPath, "answers.json"), questions, answers);
    sayNext(appPath, answers);
    return {
      access: answers.access || "default",
      triggerRole: answers.triggerRole.includes(":")
        ? answers.triggerRole
        : `acs:ram::\${config('AccountID')}:role/${answers.triggerRole}`,
      // The tool appends the secrets it asked for to .env. They are in its store by now: let that be nothing.
      HW_AK: "",
      HW_SK: "",
    };
  } catch (error) {
    return fail([error.message], tempAppPath, appPath);
  }
}

/** The answers, which the tool shows to templates only: so a template of them is rendered, read and removed. */
function readAnswers(questions, appPath, artTemplate) {
  const file = path.join(appPath, ".answers.json");
  const names = [...Object.keys(questions.properties), "access"];
  const template = names.map((name) => `${JSON.stringify(name)}: {{ ${name} | tojson }}`).join(",\n");
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, `{${template}}`, { mode: 0o600 });
  let answers;
  try {
    artTemplate(".answers.json");
    answers = JSON.parse(fs.readFileSync(file, "utf8"));
  } catch {
    throw new Error(
      "There are no answers. With -y the tool asks nothing: give them all, as in" +
        ` s init oss-oms-sync -y -a default --parameters '{"region": "cn-hangzhou", ...}'`,
    );
  } finally {
    fs.rmSync(file, { force: true });
  }
  return answers;
}

/**
 * Secrets that are left out of --parameters, where they would stand on the command line, come by the environment, or
 * stay in the tool's store as they are: returns the names of those.
 */
function takeSecrets(answers) {
  // The tool renders a broken text that begins so.
  const leftOut = SECRETS.filter((name) => answers[name] === null || String(answers[name]).startsWith("${secret("));
  for (const name of leftOut) answers[name] = process.env[name] || "";
  const missing = leftOut.filter((name) => answers[name] === "");
  // The two belong together: one that is given does not go with one that is stored.
  if (missing.length < SECRETS.length) return [];
  const stored = runTool("secret", "get").stdout.split(/\r?\n/);
  const isStored = (name) => stored.some((line) => line.startsWith(`${answers.functionName}_${name}:`));
  return SECRETS.every(isStored) ? SECRETS : [];
}

/** What is wrong with the answers: --parameters checks none of what the prompts do. Secrets are not repeated. */
function check({ properties, required }, answers, kept) {
  const problems = [];
  for (const [name, { title, description, pattern, enum: choices }] of Object.entries(properties)) {
    const answer = answers[name];
    const shown = SECRETS.includes(name) ? "" : ` ${JSON.stringify(answer)}`;
    const label = `${name} (${title})`;
    if (kept.includes(name)) continue;
    if (answer === null || answer === "") {
      if (required.includes(name)) problems.push(`${label} ${choose("is empty.", "不能为空。")} ${description}`);
    } else if (typeof answer !== "string") {
      problems.push(`${label} ${choose(`is${shown}, not text: put it in quotes`, `的值${shown} 不是文本,请加引号`)}`);
    } else if (choices && !choices.includes(answer)) {
      problems.push(`${label} ${choose(`cannot be${shown}. One of`, `不能是${shown}。可选值`)}: ${choices.join(", ")}`);
    } else if (pattern && !new RegExp(pattern).test(answer)) {
      problems.push(`${label} ${choose(`cannot be${shown}.`, `不能是${shown}。`)} ${description}`);
    }
  }
  if (answers.sourceBucket && answers.sourceBucket === answers.logBucket) {
    problems.push(
      choose(
        "logBucket is the source bucket: each record would wake the function again, for ever. Name another",
        "logBucket 与源存储桶相同:每条记录都会再次触发函数,无限循环。请换一个存储桶",
      ),
    );
  }
  return problems;
}

/** Puts AK and SK into the tool's own store, under names of this project, where no output of the tool shows them. */
function keepSecrets(answers, kept) {
  for (const name of SECRETS) {
    const key = `${answers.functionName}_${name}`;
    if (kept.includes(name)) {
      say(`${key} stays in the tool's secret store as it is.`, `工具密钥库中的 ${key} 保持不变。`);
      continue;
    }
    const words = ["secret", "add", "--key", key, "--value", answers[name]];
    let done = runTool(...words);
    if (done.stdout.includes("already exists")) {
      say(
        `Note: ${key} was in the tool's secret store and is replaced. Another project of that function name would deploy it.`,
        `注意:工具密钥库中已有 ${key},现已替换。若另一项目使用相同函数名,它将部署新的值。`,
      );
      done = runTool(...words, "--force");
    }
    if (done.status !== 0 || !done.stdout.includes(key)) {
      throw new Error(`The tool's secret store did not take ${name}. Try: s secret add --key ${key} --value <${name}>`);
    }
  }
  // The store is encrypted with what everybody on the machine can find out, so nobody else may read it.
  const [, home] = /s-home: (.*?),/.exec(runTool("-v").stdout) || [];
  const secrets = path.join(home || "", "secrets.yaml");
  if (home && fs.existsSync(secrets)) fs.chmodSync(secrets, 0o600);
  else say(`Make sure that nobody else can read the tool's secrets.yaml.`, "请确认其他用户无法读取工具的 secrets.yaml。");
}

/** Runs the very tool that runs this hook. Its words go by the environment: everybody can read a command line. */
function runTool(...words) {
  const script = `process.umask(0o077);
    process.argv.splice(1, process.argv.length, ...JSON.parse(process.env.OSS_OMS_SYNC_ARGUMENTS));
    delete process.env.OSS_OMS_SYNC_ARGUMENTS;
    require(process.argv[1]);`;
  const tool = fs.realpathSync(process.argv[1]);
  return spawnSync(process.execPath, ["-e", script], {
    encoding: "utf8",
    env: { ...process.env, OSS_OMS_SYNC_ARGUMENTS: JSON.stringify([tool, ...words]) },
  });
}

function warnOfRegion(url) {
  const [, region] = /^https:\/\/oms\.([a-z0-9-]+)\.myhuaweicloud\.com\//.exec(url) || [];
  if (!OMS_REGIONS.includes(region)) {
    say(
      `Note: ${region || "the host of SYNC_URL"} is not known to offer sync tasks (${OMS_REGIONS.join(", ")} are).`,
      `注意:${region || "SYNC_URL 的域名"} 不在已知提供同步任务的区域之列(${OMS_REGIONS.join("、")})。`,
    );
  }
}

function writeGitignore(file) {
  const known = fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "";
  const missing = IGNORED.filter((line) => !known.split(/\r?\n/).includes(line));
  if (missing.length > 0) fs.appendFileSync(file, `${known && !known.endsWith("\n") ? "\n" : ""}${missing.join("\n")}\n`);
}

/** The tool will append to .env with rights for all to read, unless the file is there. */
function writeEnv(file) {
  const comment = "# HW_AK and HW_SK are kept by the tool (see `s secret get`): leave them empty here.\n";
  if (!fs.existsSync(file)) fs.writeFileSync(file, comment, { mode: 0o600 });
  fs.chmodSync(file, 0o600);
}

/** What was answered, secrets aside: an upgrade asks nothing again (docs/operations.md, "Upgrade"). */
function writeAnswers(file, { properties }, answers) {
  const names = Object.keys(properties).filter((name) => !SECRETS.includes(name));
  const told = Object.fromEntries(names.map((name) => [name, answers[name]]));
  fs.writeFileSync(file, `${JSON.stringify(told, null, 2)}\n`);
}

function sayNext(appPath, { functionName, sourceBucket, objectPrefix, objectSuffix }) {
  const folder = path.relative(process.cwd(), appPath);
  const where = folder || choose("this folder", "当前目录");
  const next = ["s deploy -y", "s doctor invoke | python status.py"];
  if (folder) next.unshift(`cd ${folder}`);
  say(
    `\nReady in ${where}. HW_AK and HW_SK are in the tool's secret store as ${functionName}_HW_AK and ${functionName}_HW_SK.`,
    `\n已生成 ${where}。HW_AK 和 HW_SK 已存入工具的密钥库:${functionName}_HW_AK、${functionName}_HW_SK。`,
  );
  say("Make the two RAM roles as readme.md says. Then:", "按 readme.md 创建两个 RAM 角色,然后执行:");
  for (const command of next) print(`  ${command}`);
  say(
    `Several projects on one bucket: their prefixes or suffixes must not overlap, because Function Compute refuses` +
      ` the second trigger. This one forwards "${objectPrefix}*${objectSuffix}" of ${sourceBucket}.`,
    `同一存储桶上有多个项目时:前缀或后缀不能重叠,否则函数计算会拒绝第二个触发器。` +
      `本项目转发 ${sourceBucket} 中的 "${objectPrefix}*${objectSuffix}"。`,
  );
}

module.exports = { preInit, postInit };
