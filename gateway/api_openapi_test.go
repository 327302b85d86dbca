package gateway_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/gateway"
)

// openAPI is the part of the document that the tests look at.
type openAPI struct {
	OpenAPI    string                                `json:"openapi"`
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components map[string]map[string]json.RawMessage `json:"components"`
}

// operation is one method of one path.
type operation struct {
	ID          string                     `json:"operationId"`
	Parameters  []map[string]any           `json:"parameters"`
	RequestBody map[string]any             `json:"requestBody"`
	Responses   map[string]json.RawMessage `json:"responses"`
}

func readOpenAPI(t *testing.T) openAPI {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc openAPI
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// operations by "METHOD /path".
func (d openAPI) operations(t *testing.T) map[string]operation {
	t.Helper()
	all := map[string]operation{}
	for path, methods := range d.Paths {
		for method, raw := range methods {
			if method == "parameters" {
				continue
			}
			var o operation
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			all[strings.ToUpper(method)+" "+path] = o
		}
	}
	return all
}

func TestOpenAPISaysWhatTheRoutesSay(t *testing.T) {
	doc := readOpenAPI(t)
	described := doc.operations(t)
	served := map[string]bool{}
	for _, pattern := range gateway.APIPatterns() {
		method, path, _ := strings.Cut(pattern, " ")
		served[method+" "+strings.TrimPrefix(path, gateway.APIRoot)] = true
	}
	for at := range served {
		if _, ok := described[at]; !ok {
			t.Errorf("%s is served but not described", at)
		}
	}
	ids := map[string]string{}
	for at, o := range described {
		if !served[at] {
			t.Errorf("%s is described but not served", at)
		}
		if o.ID == "" || ids[o.ID] != "" {
			t.Errorf("%s and %s share the operationId %q", at, ids[o.ID], o.ID)
		}
		ids[o.ID] = at
	}
}

// TestOpenAPIReferencesExist also checks that every {name} of a path is a
// parameter of it.
func TestOpenAPIReferencesExist(t *testing.T) {
	doc := readOpenAPI(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	references(whole, used)
	for ref := range used {
		kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
		if _, ok := doc.Components[kind][name]; !ok {
			t.Errorf("%s does not exist", ref)
		}
	}
	for _, kind := range []string{"schemas", "parameters", "responses"} {
		for name := range doc.Components[kind] {
			if !used["#/components/"+kind+"/"+name] {
				t.Errorf("components/%s/%s is not used", kind, name)
			}
		}
	}
	for path, methods := range doc.Paths {
		for _, name := range []string{"user", "id", "group"} {
			declared := strings.Contains(string(methods["parameters"]), "parameters/"+name+`"`) ||
				strings.Contains(strings.ReplaceAll(string(methods["parameters"]), " ", ""), `"name":"`+name+`"`)
			if strings.Contains(path, "{"+name+"}") != declared {
				t.Errorf("%s: parameter %q", path, name)
			}
		}
	}
}

func references(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if ref, ok := value.(string); ok && key == "$ref" {
				into[ref] = true
			}
			references(value, into)
		}
	case []any:
		for _, value := range v {
			references(value, into)
		}
	}
}

// describes reports whether the document lists status for the operation at,
// and the keys that its JSON answer may and must have.
func (d openAPI) answer(t *testing.T, at string, status string) (keys, required []string, ok bool) {
	t.Helper()
	raw, ok := d.operations(t)[at].Responses[status]
	if !ok {
		return nil, nil, false
	}
	type schema struct {
		Ref        string                     `json:"$ref"`
		Properties map[string]json.RawMessage `json:"properties"`
		Required   []string                   `json:"required"`
	}
	var response struct {
		Ref     string `json:"$ref"`
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	}
	if err := json.Unmarshal(raw, &response); err != nil {
		t.Fatal(err)
	}
	if response.Ref != "" {
		if err := json.Unmarshal(d.Components["responses"][response.Ref[strings.LastIndexByte(response.Ref, '/')+1:]], &response); err != nil {
			t.Fatal(err)
		}
	}
	for _, media := range response.Content {
		s := media.Schema
		if s.Ref != "" {
			if err := json.Unmarshal(d.Components["schemas"][s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]], &s); err != nil {
				t.Fatal(err)
			}
		}
		for key := range s.Properties {
			keys = append(keys, key)
		}
		required = append(required, s.Required...)
	}
	slices.Sort(keys)
	return keys, required, true
}
