package configs_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/latchkey-io/latchkey/configs"
	"go.yaml.in/yaml/v4"
)

// schema is the part of JSON Schema that Schema uses.
type schema struct {
	Schema               string            `json:"$schema"`
	Title                string            `json:"title"`
	Type                 any               `json:"type"`
	Description          string            `json:"description"`
	Default              any               `json:"default"`
	Properties           map[string]schema `json:"properties"`
	Required             []string          `json:"required"`
	AdditionalProperties *bool             `json:"additionalProperties"`
	PatternProperties    map[string]schema `json:"patternProperties"` // "." alone: any name
	Items                *schema           `json:"items"`
	MaxItems             *int              `json:"maxItems"`
	MaxLength            *int              `json:"maxLength"`
	Enum                 []string          `json:"enum"`
	Pattern              string            `json:"pattern"`
	Minimum              *float64          `json:"minimum"`
	Maximum              *float64          `json:"maximum"`
}

func (s schema) is(kind string) bool {
	if list, ok := s.Type.([]any); ok {
		return slices.Contains(list, any(kind))
	}
	return s.Type == kind
}

// check is a validator for the part of JSON Schema that Schema uses.
func (s schema) check(v any, path string) error {
	switch v := v.(type) {
	case nil:
		if !s.is("null") {
			return fmt.Errorf("%s: null", path)
		}
	case map[string]any:
		if !s.is("object") {
			return fmt.Errorf("%s: object", path)
		}
		for key, value := range v {
			p, ok := s.Properties[key]
			if !ok {
				p, ok = s.PatternProperties["."]
			}
			if !ok {
				return fmt.Errorf("%s.%s: unknown", path, key)
			}
			if err := p.check(value, path+"."+key); err != nil {
				return err
			}
		}
		for _, key := range s.Required {
			if _, ok := v[key]; !ok {
				return fmt.Errorf("%s.%s: missing", path, key)
			}
		}
	case []any:
		if !s.is("array") || s.MaxItems != nil && len(v) > *s.MaxItems {
			return fmt.Errorf("%s: array", path)
		}
		for i, item := range v {
			if err := s.Items.check(item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case string:
		if !s.is("string") || s.Enum != nil && !slices.Contains(s.Enum, v) || s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v) {
			return fmt.Errorf("%s: %q", path, v)
		}
	case bool:
		if !s.is("boolean") {
			return fmt.Errorf("%s: boolean", path)
		}
	case int:
		if !s.is("integer") || s.Maximum != nil && float64(v) > *s.Maximum {
			return fmt.Errorf("%s: %d", path, v)
		}
	default:
		return fmt.Errorf("%s: a %T", path, v)
	}
	return nil
}

func TestSchema(t *testing.T) {
	var s schema
	if err := json.Unmarshal(configs.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Schema != "https://json-schema.org/draft/2020-12/schema" {
		t.Error(s.Schema)
	}
	for name, text := range map[string]string{"example": string(configs.Example()), "contract": contract, "blocks": "http:\nops:\n", "jobs": goodJobs, "upstreams": goodUpstreams, "providers": goodProviders} {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatal(err)
		}
		if err := s.check(tree, name); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{"htp: {}", "http: {listn: x}", "smtp: {tls: maybe}", "session: {idle: 5}", "session: {idle: 5d}", "routes: [{name: a}]", "jobs: [{}]", "jobs: [{name: a, issuer: b, audience: c, mappings: [{name: d, claims: {e: [f]}}]}]", "jobs: [{name: a, issuer: b, audience: c, mappings: [null]}]", "ssh: {allow_dss: 1}", "upstreams: [{name: a}]", "upstreams: [{name: a, url: b, send: digest}]", "providers: [{name: a, type: oidc}]", "providers: [{name: a, type: saml, client_id: b}]", "providers: [{name: a, type: oidc, client_id: b, groups: [{group: c}]}]", "providers: [{name: a, type: oidc, client_id: b, unlock: never}]"} {
		var tree map[string]any
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatal(err)
		}
		if s.check(tree, "") == nil {
			t.Errorf("the schema accepts %s", text)
		}
	}
	described(t, "", s)
}

// described asks that each object is closed and each key has words.
func described(t *testing.T, path string, s schema) {
	if s.Properties == nil {
		return
	}
	if s.AdditionalProperties == nil || *s.AdditionalProperties {
		t.Errorf("%s accepts unknown keys", path)
	}
	for key, p := range s.Properties {
		if p.Description == "" {
			t.Errorf("%s.%s has no description", path, key)
		}
		described(t, path+"."+key, p)
		if p.Items != nil {
			described(t, path+"."+key, *p.Items)
		}
	}
}
