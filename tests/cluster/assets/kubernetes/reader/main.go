// Command reader reads inputs as kubectl does, for the tests that compare ours with it.
//
// Each line of standard input is an input in base64, as a JSON string. Each line of standard output has the documents
// that kubectl would take from it, and the error at which it would stop: {"documents": [...], "error": "..."}.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type answer struct {
	Documents []json.RawMessage `json:"documents"`
	Error     string            `json:"error"`
}

func main() {
	inputs := json.NewDecoder(bufio.NewReader(os.Stdin))
	answers := json.NewEncoder(os.Stdout)
	for {
		var input []byte
		if err := inputs.Decode(&input); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		if err := answers.Encode(read(input)); err != nil {
			log.Fatal(err)
		}
	}
}

// read takes the steps of FileVisitor and StreamVisitor in k8s.io/cli-runtime/pkg/resource, up to what a document's
// kind decides.
func read(input []byte) answer {
	found := answer{Documents: []json.RawMessage{}}
	text := transform.NewReader(bytes.NewReader(input), unicode.BOMOverride(unicode.UTF8.NewDecoder()))
	decoder := yaml.NewYAMLOrJSONDecoder(text, 4096)
	for {
		document := runtime.RawExtension{}
		if err := decoder.Decode(&document); err == io.EOF {
			return found
		} else if err != nil {
			found.Error = err.Error()
			return found
		}
		raw := bytes.TrimSpace(document.Raw)
		if len(raw) > 0 && !bytes.Equal(raw, []byte("null")) {
			found.Documents = append(found.Documents, raw)
		}
	}
}
