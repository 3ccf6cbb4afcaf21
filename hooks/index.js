"use strict";

/**
 * Runs around `s init`. `preInit` says what one needs, and refuses a folder that the tool would empty and answers of the
 * command line that cannot be right, before anything is made;
 * `postInit` checks what was answered at the prompts, hands the Huawei keys to the tool's secret store, and says what
 * comes next.
 *
 * The tool swallows whatever a hook throws and ends with 0, so every way out of here that is not success prints what
 * to do and ends the process with 1.
 */

const { spawnSync } = require("child_process");
const crypto = require("crypto");
const fs = require("fs");
const path = require("path");

const SECRETS = ["HW_AK", "HW_SK"];
// Where OMS has sync tasks, as the two consoles call it.
const OMS_REGIONS = {
  "cn-north-4": ["CN North-Beijing4", "华北-北京四"],
  "cn-east-3": ["CN East-Shanghai1", "华东-上海一"],
  "cn-southwest-2": ["CN Southwest-Guiyang1", "西南-贵阳一"],
};
// Where Function Compute has no python3.12 (its page "Python", of October 2026).
const WITHOUT_PYTHON_312 = ["cn-wulanchabu", "ap-southeast-1", "ap-southeast-3", "ap-southeast-5", "me-central-1"];
const IGNORED = [".env", ".s/", "__pycache__/", "*.before-setup"];

const { LC_ALL, LC_MESSAGES, LANG } = process.env;
// Windows sets none of the three.
const chinese = /^zh/i.test(LC_ALL || LC_MESSAGES || LANG || Intl.DateTimeFormat().resolvedOptions().locale);
// Written at once: what is still on its way when the process ends is lost.
const print = (line) => fs.writeSync(1, `${line}\n`);
const choose = (english, inChinese) => (chinese ? inChinese : english);
const say = (english, inChinese) => print(choose(english, inChinese));
/** A word for the shell. */
const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replace(/'/g, `'\\''`)}'`);
/** Whether the tool keeps what the folder has; else it has emptied it before it made anything. */
const keepsFolder = () => process.argv.includes("--no-overwrite");
const isInGit = (folder) => fs.existsSync(path.join(folder, ".git"));

async function preInit(paths) {
  try {
    // The tool drops what it does not know of --parameters, and fills in defaults for it.
    const given = givenAnswers();
    const isUnattended = process.argv.includes("-y") || Object.keys(given).length > 0;
    const problems = checkFolder(paths.appPath);
    if (isUnattended) problems.push(...checkGiven(readQuestions(), given));
    if (problems.length > 0) fail(problems, paths);
    if (!isUnattended) {
      sayNeeds();
      proposeAnswers(paths);
    }
  } catch (error) {
    fail([error.message], paths);
  }
}

async function postInit({ artTemplate, ...paths }) {
  const { appPath } = paths;
  let answers;
  try {
    const questions = readQuestions();
    answers = readAnswers(questions, appPath, artTemplate);
    // First of all: should the answers be refused, nothing secret can be committed.
    writeGitignore(path.join(appPath, ".gitignore"));
    writeEnv(path.join(appPath, ".env"));
    if (!("runtime" in givenAnswers())) {
      answers.runtime = WITHOUT_PYTHON_312.includes(answers.region) ? "python3.10" : "python3.12";
    }
    // An upgrade gives the one that was taken.
    if (!("alertLanguage" in givenAnswers())) answers.alertLanguage = choose("en", "zh");
    answers.logBucket = answers.logBucket || proposeLogBucket(answers.sourceBucket);
    const kept = takeSecrets(answers);
    const problems = check(questions, answers, kept);
    if (problems.length > 0) fail(problems, paths, { answers });
    const hasSecrets = kept || answers.HW_AK !== "";
    if (hasSecrets) keepSecrets(answers, kept);
    const [accessKey, secretKey] = SECRETS.map((name) =>
      hasSecrets ? `\${secret('${answers.functionName}_${name}')}` : "",
    );
    warnOfRegion(answers.SYNC_URL);
    fs.writeFileSync(path.join(appPath, "answers.json"), `${JSON.stringify(withoutSecrets(answers), null, 2)}\n`);
    sayNext(appPath, answers, hasSecrets);
    return {
      access: answers.access || "default",
      runtime: answers.runtime,
      logBucket: answers.logBucket,
      accessKey,
      secretKey,
      alertLanguage: answers.alertLanguage,
      // The tool appends the secrets it asked for to .env. They are in its store by now: let that be nothing.
      HW_AK: "",
      HW_SK: "",
    };
  } catch (error) {
    return fail([error.message], paths, { answers });
  }
}

function readQuestions() {
  return JSON.parse(fs.readFileSync(path.join(__dirname, "questions.json"), "utf8"));
}

/** The answers of the newest project in a folder beside this one; undefined if there is none. */
function neighbour(appPath) {
  const parent = path.dirname(path.resolve(appPath));
  const projects = fs
    .readdirSync(parent)
    .map((name) => path.join(parent, name, "answers.json"))
    .filter((file) => fs.existsSync(file))
    .map((file) => ({ file, written: fs.statSync(file).mtimeMs }))
    .sort((first, second) => second.written - first.written);
  if (projects.length === 0) return undefined;
  return { folder: path.dirname(projects[0].file), answers: JSON.parse(fs.readFileSync(projects[0].file, "utf8")) };
}

/** Make the regions of a project beside this one the defaults of the questions, which the tool reads after this hook. */
function proposeAnswers({ appPath, tempAppPath }) {
  const beside = neighbour(appPath);
  if (beside === undefined) return;
  const file = path.join(tempAppPath, "publish.yaml");
  let manifest = fs.readFileSync(file, "utf8");
  for (const name of ["region", "destinationRegion"]) {
    const { enum: choices } = readQuestions().properties[name];
    const answer = beside.answers[name];
    const line = new RegExp(`(\\n    ${name}:\\n(?:      .*\\n)*?      default: ).*`);
    if (choices.includes(answer)) manifest = manifest.replace(line, (_, before) => `${before}${answer}`);
  }
  fs.writeFileSync(file, manifest);
  const { region, destinationRegion } = beside.answers;
  const settings = path.join(beside.folder, "s.yaml");
  const [, access] = (fs.existsSync(settings) && /^access: *"?([\w-]+)/m.exec(fs.readFileSync(settings, "utf8"))) || [];
  say(
    `The regions of ${beside.folder} are proposed: ${region} and ${destinationRegion}.`,
    `默认采用 ${beside.folder} 的地域和区域：${region}、${destinationRegion}。`,
  );
  if (access) say(`Its keys of Alibaba Cloud: -a ${access}\n`, `其阿里云密钥别名：-a ${access}\n`);
}

/** The last value of an option of `s init`, which runs in this process; undefined where it is not given. */
function option(name) {
  const values = process.argv.map((word, at) => {
    if (word === name) return process.argv[at + 1];
    return word.startsWith(`${name}=`) ? word.slice(name.length + 1) : undefined;
  });
  return values.filter((value) => value !== undefined).pop();
}

/** The answers that the command line gives. */
function givenAnswers() {
  return JSON.parse(option("--parameters") || "{}") || {};
}

/** What is wrong with the answers that the command line gives: names that nobody asks for are refused, too. */
function checkGiven(questions, given) {
  if (Object.keys(given).length === 0) {
    const example = `s init oss-oms-sync -y -a default --parameters '{"region": "cn-hangzhou", ...}'`;
    return [
      choose(
        `No answers were passed. With -y the tool asks no questions: pass all answers, as in ${example}`,
        `没有收到任何答案。使用 -y 时工具不会提问，请用 --parameters 一次给出全部答案，例如 ${example}`,
      ),
    ];
  }
  const names = Object.keys(questions.properties);
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  const answers = Object.fromEntries(names.map((name) => [name, answerOf(questions.properties[name], given[name])]));
  const kept = takeSecrets(answers);
  return [...unknown.map((name) => sayUnknown(name, names)), ...check(questions, answers, kept)];
}

/** What the tool will take as the answer; the random end of a default does not matter here. */
function answerOf(question, given) {
  if (given !== undefined) return given;
  return (question.default || "").replace("${default-suffix}", "xxxx");
}

function sayUnknown(name, names) {
  const distances = names.map((known) => distance(name.toLowerCase(), known.toLowerCase()));
  const least = Math.min(...distances);
  const nearest = names[distances.indexOf(least)];
  return least <= name.length / 2
    ? choose(`${name} is not a parameter. Did you mean ${nearest}?`, `没有参数 ${name}。是否想写 ${nearest}？`)
    : choose(`${name} is not a parameter. The parameters are: ${names.join(", ")}`, `没有参数 ${name}。可用的有：${names.join("、")}`);
}

/** How many characters have to be added, dropped or replaced to make one text of the other (Levenshtein). */
function distance(one, other) {
  let above = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 0; row < one.length; row++) {
    const current = [row + 1];
    for (let column = 0; column < other.length; column++) {
      const replaced = above[column] + (one[row] === other[column] ? 0 : 1);
      current.push(Math.min(replaced, above[column + 1] + 1, current[column] + 1));
    }
    above = current;
  }
  return above[other.length];
}

/** The answers, which the tool shows to templates only: so a template of them is rendered, read and removed. */
function readAnswers(questions, appPath, artTemplate) {
  const file = path.join(appPath, ".answers.json");
  const names = [...Object.keys(questions.properties), "access"];
  const template = names.map((name) => `${JSON.stringify(name)}: {{ ${name} | tojson }}`).join(",\n");
  fs.rmSync(file, { force: true });
  fs.writeFileSync(file, `{${template}}`, { mode: 0o600 });
  try {
    artTemplate(".answers.json");
    return JSON.parse(fs.readFileSync(file, "utf8"));
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/**
 * Secrets that are left out of --parameters, where they would stand on the command line, come from the environment, or
 * stay in the tool's store as they are: returns whether they do.
 */
function takeSecrets(answers) {
  for (const name of SECRETS) {
    // The tool renders a broken text that begins so.
    const isLeftOut = answers[name] === "" || String(answers[name]).startsWith("${secret(");
    if (isLeftOut) answers[name] = process.env[name] || "";
  }
  // The two belong together: one that is given does not go with one that is stored.
  if (SECRETS.some((name) => answers[name] !== "")) return false;
  const stored = runTool("secret", "get").stdout.split(/\r?\n/);
  return SECRETS.every((name) => stored.some((line) => line.startsWith(`${answers.functionName}_${name}:`)));
}

/** A name that nobody has yet, probably: buckets' names are unique among all accounts. */
function proposeLogBucket(sourceBucket) {
  const end = `-oms-log-${crypto.randomBytes(2).toString("hex")}`;
  return `${String(sourceBucket).slice(0, 63 - end.length)}${end}`;
}

/** What is wrong with the answers: --parameters checks none of what the prompts do. Secrets are not repeated. */
function check({ properties, required }, answers, kept) {
  const problems = [];
  // They may be filled in later, but not half of them; and an upgrade never takes those away that s.yaml has.
  const needsSecrets = SECRETS.some((name) => answers[name] !== "") || (keepsFolder() && answers.SYNC_URL && !kept);
  for (const [name, { title, description, pattern, enum: choices }] of Object.entries(properties)) {
    const answer = answers[name];
    const shown = SECRETS.includes(name) ? "" : ` ${JSON.stringify(answer)}`;
    // publish.yaml says both in Chinese first.
    const label = `${name}${choose(` (${title.split(" / ")[1]})`, `（${title.split(" / ")[0]}）`)}`;
    const end = description.lastIndexOf("。") + 1;
    const meaning = choose(` ${description.slice(end).trim()}`, description.slice(0, end));
    if (answer === "" && (required.includes(name) || (needsSecrets && SECRETS.includes(name)))) {
      const elsewhere = SECRETS.includes(name)
        ? choose(
            ` Set the environment variable ${name}: read -rs ${name}; export ${name} (the input is not shown).`,
            `请设置环境变量 ${name}。可执行 read -rs ${name}; export ${name}，输入不回显。`,
          )
        : "";
      problems.push(`${label}${choose(" is empty.", "不能为空。")}${elsewhere}${meaning}`);
    } else if (typeof answer !== "string") {
      problems.push(`${label}${choose(` is${shown}, not text: put it in quotes`, `的值${shown} 不是文本，请加引号`)}`);
    } else if (choices && !choices.includes(answer)) {
      const known = choices.join(choose(", ", "、"));
      problems.push(`${label}${choose(` cannot be${shown}. One of: ${known}`, `不能是${shown}。可选值：${known}`)}`);
    } else if (pattern && !new RegExp(pattern).test(answer)) {
      problems.push(`${label}${choose(` cannot be${shown}.`, `不能是${shown}。`)}${meaning}`);
    }
  }
  if (answers.sourceBucket && answers.sourceBucket === answers.logBucket) {
    problems.push(
      choose(
        "logBucket is the source bucket: each record would invoke the function again, endlessly. Choose another bucket",
        "logBucket 与源 Bucket 相同：每条记录都会再次触发函数，无限循环。请换一个 Bucket",
      ),
    );
  }
  return problems;
}

/**
 * The tool empties the folder in which it makes the project, `.git` and all, and asks nothing where it got -y. With
 * --no-overwrite it replaces every file that the package has, too.
 */
function checkFolder(appPath) {
  if (!fs.existsSync(appPath)) return [];
  const instead = choose(
    `Choose another folder with -d. For a new version of a project, follow "Upgrade" in its docs/lifecycle.md.`,
    "请用 -d 指定其他目录。若要升级已有项目，请按其 docs/lifecycle.zh.md 的“升级”一节操作。",
  );
  if (!keepsFolder()) {
    if (fs.readdirSync(appPath).length === 0) return [];
    return [
      choose(
        `${appPath} is not empty, and the tool would delete its contents. ${instead}`,
        `目录 ${appPath} 不为空，工具会删除其中的全部内容。${instead}`,
      ),
    ];
  }
  const name = filesIn(path.join(__dirname, "..", "src")).find((one) => fs.existsSync(path.join(appPath, one)));
  if (name === undefined) return [];
  return [
    choose(
      `${appPath} already has ${name}, and the tool would replace the file, even with --no-overwrite. ${instead}`,
      `目录 ${appPath} 中已有 ${name}，即使使用 --no-overwrite，工具也会替换它。${instead}`,
    ),
  ];
}

/** The files below a folder, by their paths in it: Node.js 14 has no `recursive`. */
function filesIn(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .flatMap((one) =>
      one.isDirectory() ? filesIn(path.join(folder, one.name)).map((name) => path.join(one.name, name)) : [one.name],
    );
}

/**
 * Ends `s init` with 1, which an exception would not. Where the project has been `begun`, its answers would be lost, and
 * what was made of it goes.
 */
function fail(problems, { appPath, tempAppPath }, begun) {
  fs.rmSync(tempAppPath, { recursive: true, force: true });
  say("\nThe project is not set up:", "\n项目未完成初始化：");
  for (const problem of problems) print(`  - ${problem}`);
  if (begun && !keepsFolder()) {
    for (const name of fs.readdirSync(appPath)) fs.rmSync(path.join(appPath, name), { recursive: true, force: true });
  } else if (keepsFolder() && isInGit(appPath)) {
    say(
      "If files are missing from this folder now, `git reset --hard` restores them.",
      "如果该目录中的文件现已缺失，`git reset --hard` 可恢复原样。",
    );
  }
  if (begun?.answers) sayAgain(appPath, begun.answers);
  else say("Correct this and run it again.", "请更正后重新执行。");
  process.exit(1);
}

function sayAgain(appPath, answers) {
  say(
    "To begin again with the same answers, correct this command and paste it:\n",
    "要用已填写的答案重新开始，请更正以下命令后粘贴执行：\n",
  );
  const uri = option("--uri");
  if (uri?.endsWith(".zip") && !uri.includes("://")) {
    say(
      "  # The tool deletes the zip file after unpacking it: put the file back first.",
      "  # 工具解压 zip 文件后会将其删除：请先放回原处。",
    );
  }
  if (!SECRETS.every((name) => process.env[name])) {
    say(
      "  # Each `read` waits for a key; the input is not shown.",
      "  # 每条 `read` 等待粘贴密钥，输入不回显。",
    );
    print("  read -rs HW_AK; read -rs HW_SK; export HW_AK HW_SK");
  }
  print(`  ${commandOf(appPath, answers)}`);
}

/** The command that gives the same answers, secrets aside. */
function commandOf(appPath, answers) {
  const uri = option("--uri");
  // The tool takes the last part of a relative folder, in the current one.
  const name = path.relative(process.cwd(), appPath) || ".";
  const words = [
    "init",
    ...(uri ? ["--uri", uri] : ["oss-oms-sync"]),
    "-y",
    "-d",
    name === path.basename(name) ? name : appPath,
    ...(keepsFolder() ? ["--no-overwrite"] : []),
    "-a",
    answers.access || "default",
    "--parameters",
    JSON.stringify(withoutSecrets(answers)),
  ];
  return ["s", ...words.map(quoted)].join(" ");
}

/** What was answered to the questions, secrets aside: answers.json lets an upgrade ask nothing again. */
function withoutSecrets({ access, ...answers }) {
  return Object.fromEntries(Object.entries(answers).filter(([name]) => !SECRETS.includes(name)));
}

/**
 * Puts AK and SK into the tool's own store, under names of this project, where no output of the tool shows them; or leaves
 * those that are `kept` there.
 */
function keepSecrets(answers, kept) {
  for (const name of SECRETS) {
    const key = `${answers.functionName}_${name}`;
    if (kept) {
      say(`${key} in the tool's secret store is unchanged.`, `工具密钥库中的 ${key} 保持不变。`);
      continue;
    }
    const words = ["secret", "add", "--key", key, "--value", answers[name]];
    let done = runTool(...words);
    if (done.stdout.includes("already exists")) {
      say(
        `Note: ${key} in the tool's secret store is replaced. Another project with the same function name would deploy the new key.`,
        `注意：密钥库中原有的 ${key} 已被替换。若另有项目使用同一函数名，其下次部署将使用新密钥。`,
      );
      done = runTool(...words, "--force");
    }
    if (done.status !== 0 || !done.stdout.includes(key)) {
      throw new Error(
        choose(
          `The tool's secret store did not accept ${name}: make sure that secrets.yaml in the folder shown by \`s -v\` is writable`,
          `工具的密钥库未能保存 ${name}：请确认 \`s -v\` 所示目录中的 secrets.yaml 可写`,
        ),
      );
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
  if (!url) return;
  const [, region] = /^https:\/\/oms\.([a-z0-9-]+)\.myhuaweicloud\.com\//.exec(url) || [];
  if (region in OMS_REGIONS) return;
  const known = Object.entries(OMS_REGIONS);
  say(
    `Note: ${region || "the host of SYNC_URL"} is not among the regions known to offer sync tasks: ` +
      known.map(([id, [name]]) => `${name} (${id})`).join(", "),
    `注意：${region || "SYNC_URL 的域名"} 不在已知提供同步任务的区域之列：` +
      known.map(([id, [, name]]) => `${name}（${id}）`).join("、"),
  );
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

function sayNeeds() {
  say(
    `
oss-oms-sync submits every object written to an OSS bucket to a sync task of Huawei's OMS, which copies it to OBS.
It needs
  - the source bucket, and a second, different bucket of the same region for the records
  - the destination bucket in OBS
  - the SYNC_URL of an OMS sync task (OMS console > Synchronization Tasks > the task > its details)
  - the AK/SK of a Huawei Cloud IAM user with the permissions oms:synctask:createEvent, oms:synctask:get,
    oms:synctask:statistics and oms:taskgroup:get
SYNC_URL, AK/SK and the bucket for the records can be left empty: \`python3 ops.py setup\` creates them.
`,
    `
oss-oms-sync 将写入 OSS Bucket 的每个对象提交给华为云 OMS 同步任务，由其复制到 OBS。
需要准备：
  - 源 Bucket，以及同地域的另一个 Bucket（存放记录）
  - OBS 的目的端桶
  - OMS 同步任务的“同步请求接收地址”，即 SYNC_URL（OMS 控制台 > 同步任务 > 单击任务 > 任务详情）
  - 华为云 IAM 用户的访问密钥（AK/SK），该用户需有 oms:synctask:createEvent、oms:synctask:get、
    oms:synctask:statistics、oms:taskgroup:get 四项权限
SYNC_URL、AK/SK 和存放记录的 Bucket 可以留空：\`python3 ops.py setup\` 会创建所缺内容。
`,
  );
}

function sayNext(appPath, { functionName, sourceBucket, objectPrefix, objectSuffix, SYNC_URL }, hasSecrets) {
  const folder = path.relative(process.cwd(), appPath);
  say(`\nReady in ${folder || "this folder"}.`, `\n项目已生成，位置：${folder || "当前目录"}。`);
  if (hasSecrets) {
    say(
      `HW_AK and HW_SK are in the tool's secret store as ${functionName}_HW_AK and ${functionName}_HW_SK.`,
      `HW_AK 和 HW_SK 已存入工具的密钥库：${functionName}_HW_AK、${functionName}_HW_SK。`,
    );
  }
  const missing = [...(SYNC_URL ? [] : ["SYNC_URL"]), ...(hasSecrets ? [] : SECRETS)];
  if (missing.length > 0) {
    say(
      `s.yaml has no ${missing.join(", ")} yet: setup creates them in both clouds.`,
      `s.yaml 中还没有 ${missing.join("、")}：setup 会在两家云上创建所缺内容。`,
    );
  }
  say("Next steps:\n", "接下来执行：\n");
  if (folder) print(`  cd ${quoted(folder)}`);
  if (!isInGit(appPath)) {
    say("  # So that an upgrade keeps your changes.", "  # 以便升级时保留你的修改。");
    print(`  git init --initial-branch main && git add --all && git commit --message "As s init made it" && git branch template`);
  }
  if (missing.length > 0) {
    say("  # Shows a plan, then asks for your confirmation.", "  # 先显示计划，再询问是否执行。");
    print("  python3 ops.py setup");
  } else {
    say(
      "  # Prints the commands that create the two RAM roles; `python3 policies/show.py | bash` runs them.",
      "  # 打印创建两个 RAM 角色的命令；`python3 policies/show.py | bash` 则直接执行。",
    );
    print("  python3 policies/show.py");
  }
  print("  s deploy -y");
  print("  python3 ops.py doctor\n");
  say(
    `Several projects on one bucket must not overlap in both prefix and suffix: Function Compute refuses the second` +
      ` trigger. This project submits "${objectPrefix}*${objectSuffix}" of ${sourceBucket}.`,
    `同一 Bucket 上部署多个项目时，各项目的前缀和后缀不能同时重叠，否则函数计算会拒绝创建第二个触发器。` +
      `本项目提交 ${sourceBucket} 中的 "${objectPrefix}*${objectSuffix}"。`,
  );
}

module.exports = { preInit, postInit };
