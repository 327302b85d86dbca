package main

import (
	"errors"
	"fmt"

	"github.com/latchkey-io/latchkey/configs"
)

type configCommands struct {
	Example configExample `cmd:"" help:"Print the example file: every key, at its default."`
	Schema  configSchema  `cmd:"" help:"Print the JSON Schema of the file, for editors."`
}

type configExample struct{}

func (e *configExample) Run(c *console) error {
	_, err := c.out.Write(configs.Example())
	return err
}

type configSchema struct{}

func (s *configSchema) Run(c *console) error {
	_, err := fmt.Fprintf(c.out, "%s\n", configs.Schema())
	return err
}

type checkCommand struct {
	Config string `short:"c" help:"Configuration file ($$LATCHKEY_CONFIG)." placeholder:"FILE"`
}

// Run prints each fault on a line of its own and fails when there is one.
func (k *checkCommand) Run(c *console) error {
	cfg, err := c.load(k.Config)
	faults, broken := errors.AsType[configs.Faults](err)
	if err != nil && !broken {
		return err
	}
	if !broken {
		// What only the packages that follow the configuration know.
		if _, err := newJobs(cfg, nil); err != nil {
			faults, broken = configs.Faults{{File: k.Config, Text: err.Error()}}, true
		}
	}
	warnings := []string{}
	if !broken {
		warnings = append(warnings, cfg.Warnings()...)
	}
	if c.json {
		if faults == nil {
			faults = configs.Faults{}
		}
		if err := c.printJSON(map[string]any{"faults": faults, "warnings": warnings}); err != nil {
			return err
		}
	} else {
		for _, fault := range faults {
			c.say("%s", fault)
		}
		for _, warning := range warnings {
			c.say("warning: %s", warning)
		}
	}
	if broken {
		return &failure{code: exitFailed}
	}
	if !c.json {
		fmt.Fprintln(c.out, "the configuration is good")
	}
	return nil
}
