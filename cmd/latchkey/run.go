package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/latchkey-io/latchkey/configs"
)

// The exit codes of every command.
const (
	exitOK       = 0
	exitFailed   = 1
	exitUsage    = 2 // the command line or a value on it is wrong
	exitNotFound = 3
	exitRefused  = 4 // not signed in, or without the right
)

// commands is the grammar of the command line.
type commands struct {
	Reach reach `embed:"" group:"Reaching the daemon"`

	Serve       serveCommand       `cmd:"" help:"Run the daemon."`
	Check       checkCommand       `cmd:"" help:"Judge a configuration: every fault at once."`
	Config      configCommands     `cmd:"" help:"Print the example configuration or its schema."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running daemon whether it is ready; exit 0 or 1."`
	Doctor      doctorCommand      `cmd:"" help:"Look for what keeps the daemon from working."`
	RotateKey   rotateKeyCommand   `cmd:"" name:"rotate-master-key" help:"Wrap the keys of the store with a new master key."`

	Whoami   whoamiCommand    `cmd:"" help:"Show who the daemon takes you for."`
	User     userCommands     `cmd:"" help:"People and service accounts."`
	Group    groupCommands    `cmd:"" help:"Groups of users."`
	APIKey   apiKeyCommands   `cmd:"" name:"apikey" help:"API keys, one per user."`
	Token    tokenCommands    `cmd:"" help:"Access tokens, any number per user."`
	SSHKey   sshKeyCommands   `cmd:"" name:"sshkey" help:"SSH public keys."`
	Session  sessionCommands  `cmd:"" help:"Browser sessions."`
	Binding  bindingCommands  `cmd:"" help:"Accounts elsewhere that sign users in here."`
	Upstream upstreamCommands `cmd:"" help:"Users' own names and secrets for services behind routes."`
	Audit    auditCommands    `cmd:"" help:"Who did what, with which credential."`
	Explain  explainCommands  `cmd:"" help:"Why somebody gets in, or does not."`
	LFS      lfsCommands      `cmd:"" name:"lfs" help:"The built-in LFS store."`
	SSH      sshCommands      `cmd:"" name:"ssh" help:"The SSH side."`
}

// console is where a command was typed: its streams, its environment, and how
// it is to answer.
type console struct {
	environ []string // KEY=VALUE
	in      io.Reader
	out     io.Writer
	err     io.Writer
	json    bool
	reach   reach
}

// getenv is the value of a variable, the last one of a name, or "".
func (c *console) getenv(name string) string {
	value := ""
	for _, kv := range c.environ {
		if n, v, ok := strings.Cut(kv, "="); ok && n == name {
			value = v
		}
	}
	return value
}

// failure is an error with an exit code of its own.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usagef(format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...)}
}

// run is the whole program: it reads the command line, does what it says, and
// returns the exit code. An error is one sentence on stderr.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &console{environ: environ, in: stdin, out: stdout, err: stderr}
	err := c.run(ctx, args)
	if err == nil {
		return exitOK
	}
	if f, ok := errors.AsType[*failure](err); ok {
		if f.err != nil {
			fmt.Fprintf(stderr, "latchkey: %v\n", f.err)
		}
		return f.code
	}
	fmt.Fprintf(stderr, "latchkey: %v\n", err)
	return exitFailed
}

// helped is what --help ends with, as kong knows no other way to stop.
type helped struct{}

func (c *console) run(ctx context.Context, args []string) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case helped:
			err = nil
		default:
			panic(p)
		}
	}()
	var grammar commands
	parser, err := kong.New(&grammar,
		kong.Name("latchkey"),
		kong.Description("The front door for self-hosted services."),
		kong.Writers(c.out, c.err),
		kong.Exit(func(int) { panic(helped{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
	)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	line, err := parser.Parse(args)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("%w; see %s --help", err, asked(err))}
	}
	c.reach = grammar.Reach.withEnvironment(c)
	c.json = grammar.Reach.JSON
	return line.Run()
}

// asked is the command that a line was about as far as it could be read.
func asked(err error) string {
	if e, ok := errors.AsType[*kong.ParseError](err); ok {
		if command := e.Context.Selected(); command != nil {
			return command.FullPath()
		}
	}
	return "latchkey"
}

// reserved are the variables of the command line that are no configuration.
var reserved = []string{envURL, envTokenFile, envSocket, envConfig}

// load reads the configuration of this machine: file, then environment, then
// --data-dir.
func (c *console) load(file string) (*configs.Config, error) {
	if file == "" {
		file = c.getenv(envConfig)
	}
	environ := c.environ
	if c.reach.DataDir != "" {
		environ = append(environ[:len(environ):len(environ)], configs.EnvName("data_dir")+"="+c.reach.DataDir)
	}
	return configs.Load(configs.LoadOptions{File: file, Env: environ, Reserved: reserved})
}
