module bench/admission

go 1.22
